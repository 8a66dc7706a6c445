"""How good labels are, beside those that a person drew: scores, one file a family."""
