-- Readers of the experiments being counted, by cohort.
-- Grain: experiment, basis, variant, epoch, device, reader type, marks, first day. Reads: merged_readers, reader_steps,
-- counted_experiments.
-- A step counts where it was reached before the outcome window ended; readers without exposure have no window.
-- n_seen counts a view within half an hour of the first exposure: a view at a later visit tells of the reader's return,
-- not of whether the wording was seen, and a wording that keeps readers away would look like one that hides itself.
--
-- One pass over all readers counts what every reader has, for both bases (from the first exposure, from the first view);
-- the steps that few readers take are counted over those few and joined to the cohort.
WITH everyone AS (
    SELECT
        m.experiment_code,
        m.variant_code,
        m.epoch,
        m.device_code,
        m.reader_type_code,
        m.marks,
        m.exposed_day,
        CASE WHEN m.exposed_us IS NOT NULL THEN m.viewed_day END AS viewed_day,
        count(*) AS readers,
        count(CASE WHEN m.viewed_us < m.exposed_us + 1800000000 THEN 1 END) AS seen,
        count(CASE WHEN coalesce(m.viewed_us < m.exposed_us + c.window_us, m.viewed_us IS NOT NULL) THEN 1 END) AS viewed,
        count(CASE WHEN c.is_inserted AND m.exposed_us < m.viewed_us + c.window_us THEN 1 END) AS inserted_by_view
    FROM merged_readers AS m
    JOIN counted_experiments AS c ON c.experiment_code = m.experiment_code
    GROUP BY
        m.experiment_code,
        m.variant_code,
        m.epoch,
        m.device_code,
        m.reader_type_code,
        m.marks,
        m.exposed_day,
        CASE WHEN m.exposed_us IS NOT NULL THEN m.viewed_day END
),
stepping AS (
    SELECT
        m.experiment_code,
        m.variant_code,
        m.epoch,
        m.device_code,
        m.reader_type_code,
        m.marks,
        m.exposed_us,
        m.exposed_day,
        m.viewed_us,
        m.viewed_day,
        c.window_us,
        s.eligible_us,
        s.inserted_us,
        s.expanded_us,
        s.clicked_us,
        s.checkout_started_us,
        s.dismissed_us,
        s.blocked_us,
        s.registered_us
    FROM merged_readers AS m
    JOIN reader_steps AS s ON s.experiment_code = m.experiment_code AND s.reader_key = m.reader_key
    JOIN counted_experiments AS c ON c.experiment_code = m.experiment_code
),
based AS (
    SELECT *, 'exposed' AS basis, exposed_us AS first_us, exposed_day AS first_day FROM stepping
    UNION ALL
    SELECT *, 'viewed' AS basis, viewed_us AS first_us, viewed_day AS first_day FROM stepping
    WHERE exposed_us IS NOT NULL AND viewed_us IS NOT NULL
),
counted AS (
    SELECT
        experiment_code,
        'exposed' AS basis,
        variant_code,
        epoch,
        device_code,
        reader_type_code,
        marks,
        exposed_day AS first_day,
        CASE WHEN exposed_day IS NOT NULL THEN readers ELSE 0 END AS n,
        seen AS n_seen,
        viewed,
        CASE WHEN exposed_day IS NOT NULL THEN readers ELSE 0 END AS exposures
    FROM everyone
    UNION ALL
    SELECT
        experiment_code,
        'viewed' AS basis,
        variant_code,
        epoch,
        device_code,
        reader_type_code,
        marks,
        viewed_day AS first_day,
        readers AS n,
        readers AS n_seen,
        readers AS viewed,
        inserted_by_view AS exposures
    FROM everyone
    WHERE viewed_day IS NOT NULL
),
cells AS (
    SELECT
        k.experiment_code,
        k.basis,
        k.variant_code,
        k.epoch,
        k.device_code,
        k.reader_type_code,
        k.marks,
        k.first_day,
        sum(k.n) AS n,
        sum(k.n_seen) AS n_seen,
        0 AS eligible,
        sum(CASE WHEN c.is_inserted THEN k.exposures ELSE 0 END) AS inserted,
        sum(k.viewed) AS viewed,
        0 AS expanded,
        0 AS clicked,
        0 AS checkout_started,
        0 AS dismissed,
        0 AS blocked,
        0 AS registered
    FROM counted AS k
    JOIN counted_experiments AS c ON c.experiment_code = k.experiment_code
    GROUP BY
        k.experiment_code, k.basis, k.variant_code, k.epoch, k.device_code, k.reader_type_code, k.marks, k.first_day
    UNION ALL
    SELECT
        experiment_code,
        basis,
        variant_code,
        epoch,
        device_code,
        reader_type_code,
        marks,
        first_day,
        0 AS n,
        0 AS n_seen,
        count(CASE WHEN coalesce(eligible_us < first_us + window_us, eligible_us IS NOT NULL) THEN 1 END) AS eligible,
        count(CASE WHEN coalesce(inserted_us < first_us + window_us, inserted_us IS NOT NULL) THEN 1 END) AS inserted,
        0 AS viewed,
        count(CASE WHEN coalesce(expanded_us < first_us + window_us, expanded_us IS NOT NULL) THEN 1 END) AS expanded,
        count(CASE WHEN coalesce(clicked_us < first_us + window_us, clicked_us IS NOT NULL) THEN 1 END) AS clicked,
        count(CASE WHEN coalesce(checkout_started_us < first_us + window_us, checkout_started_us IS NOT NULL) THEN 1 END)
            AS checkout_started,
        count(CASE WHEN coalesce(dismissed_us < first_us + window_us, dismissed_us IS NOT NULL) THEN 1 END) AS dismissed,
        count(CASE WHEN coalesce(blocked_us < first_us + window_us, blocked_us IS NOT NULL) THEN 1 END) AS blocked,
        count(CASE WHEN coalesce(registered_us < first_us + window_us, registered_us IS NOT NULL) THEN 1 END) AS registered
    FROM based
    GROUP BY experiment_code, basis, variant_code, epoch, device_code, reader_type_code, marks, first_day
)
SELECT
    experiment_code,
    basis,
    variant_code,
    epoch,
    device_code,
    reader_type_code,
    marks,
    first_day,
    CAST(sum(n) AS BIGINT) AS n,
    CAST(sum(n_seen) AS BIGINT) AS n_seen,
    CAST(sum(eligible) AS BIGINT) AS eligible,
    CAST(sum(inserted) AS BIGINT) AS inserted,
    CAST(sum(viewed) AS BIGINT) AS viewed,
    CAST(sum(expanded) AS BIGINT) AS expanded,
    CAST(sum(clicked) AS BIGINT) AS clicked,
    CAST(sum(checkout_started) AS BIGINT) AS checkout_started,
    CAST(sum(dismissed) AS BIGINT) AS dismissed,
    CAST(sum(blocked) AS BIGINT) AS blocked,
    CAST(sum(registered) AS BIGINT) AS registered
FROM cells
GROUP BY experiment_code, basis, variant_code, epoch, device_code, reader_type_code, marks, first_day
