-- Whether a word is one of those of an option, which are separated by commas. Capitals and spaces around a word are no matter.
CREATE OR REPLACE TEMP MACRO named_in(word, words) AS (
    list_contains(list_transform(string_split(words, ','), lambda one: lower(trim(one))), lower(trim(word)))
)
