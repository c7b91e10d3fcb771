"""How exports that a publisher really has become rows of the contract: a folder a mapping, declared and in SQL."""
