-- Every wording of an appeal that was ever registered, once, and where it stood.
-- Grain: distinct words and picture. Reads: variants.
SELECT
    headline,
    body,
    highlight,
    button,
    amounts,
    image,
    count(DISTINCT experiment_id) AS experiments,
    list(experiment_id || '/' || variant_id ORDER BY experiment_id, variant_id) AS stood_as
FROM variants
GROUP BY headline, body, highlight, button, amounts, image
