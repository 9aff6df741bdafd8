"""Says what is in a Parquet file: `parquet.py FILE` prints its columns, their types and its rows as JSON. Needs DuckDB."""

import json
import sys

import duckdb

relation = duckdb.read_parquet(sys.argv[1])
columns = [[name, str(kind)] for name, kind in zip(relation.columns, relation.types)]
print(json.dumps({"columns": columns, "rows": relation.fetchall()}, allow_nan=False))
