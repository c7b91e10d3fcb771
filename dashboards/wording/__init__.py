"""The wording pages, one a surface: do words predict, what each trait did, the texts behind it, what is not known."""
