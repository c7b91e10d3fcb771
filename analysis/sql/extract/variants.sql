-- Variants with their words. Grain: experiment, variant. Reads: variants.
SELECT
    experiment_id, variant_id, name, share, is_control, headline, body, highlight, button, amounts
FROM variants
ORDER BY 1, 2
