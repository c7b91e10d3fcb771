-- Readers of one experiment counted by cohort.
-- Grain: basis, variant, epoch, device, reader type, first day. Reads: experiment_readers. Parameters: $window_us.
-- A step counts where it was reached before the outcome window ended; readers without exposure have no window.
-- n_seen counts a view within half an hour of the first exposure: a view at a later visit tells of the reader's return,
-- not of whether the wording was seen, and a wording that keeps readers away would look like one that hides itself.
SELECT
    basis,
    variant_code,
    epoch,
    device_code,
    reader_type_code,
    first_day,
    count(first_us) AS n,
    count(CASE WHEN first_us IS NOT NULL AND is_contaminated THEN 1 END) AS n_contaminated,
    count(CASE WHEN viewed_us < first_us + 1800000000 THEN 1 END) AS n_seen,
    count(CASE WHEN coalesce(eligible_us < first_us + $window_us, eligible_us IS NOT NULL) THEN 1 END) AS eligible,
    count(CASE WHEN coalesce(inserted_us < first_us + $window_us, inserted_us IS NOT NULL) THEN 1 END) AS inserted,
    count(CASE WHEN coalesce(viewed_us < first_us + $window_us, viewed_us IS NOT NULL) THEN 1 END) AS viewed,
    count(CASE WHEN coalesce(expanded_us < first_us + $window_us, expanded_us IS NOT NULL) THEN 1 END) AS expanded,
    count(CASE WHEN coalesce(clicked_us < first_us + $window_us, clicked_us IS NOT NULL) THEN 1 END) AS clicked,
    count(CASE WHEN coalesce(checkout_started_us < first_us + $window_us, checkout_started_us IS NOT NULL) THEN 1 END) AS checkout_started,
    count(CASE WHEN coalesce(dismissed_us < first_us + $window_us, dismissed_us IS NOT NULL) THEN 1 END) AS dismissed,
    count(CASE WHEN coalesce(blocked_us < first_us + $window_us, blocked_us IS NOT NULL) THEN 1 END) AS blocked,
    count(CASE WHEN coalesce(registered_us < first_us + $window_us, registered_us IS NOT NULL) THEN 1 END) AS registered
FROM experiment_readers
GROUP BY basis, variant_code, epoch, device_code, reader_type_code, first_day
