"""How a database of an earlier Parley becomes one of this Parley; `database.py` runs these."""
