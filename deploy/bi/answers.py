"""What one version of DuckDB's Python client answers: python answers.py FILE, with {"queries": {name: SQL}} on stdin.

Runs under versions from 1.1 on, with nothing else installed. Prints one JSON document: version, tables, comments,
answers (rows as lists; dates as ISO text), refused (statements that must be, with their errors).
Not here: whether the answers are right (tests/bi).
"""

import json
import sys

import duckdb

SETTINGS = {"enable_external_access": "false", "lock_configuration": "true"}


def shown(value):
    return value.isoformat() if hasattr(value, "isoformat") else value


def main():
    asked = json.load(sys.stdin)
    con = duckdb.connect(sys.argv[1], read_only=True, config=SETTINGS)

    def rows(sql):
        return [[shown(value) for value in row] for row in con.execute(sql).fetchall()]

    refused = {}
    for sql in asked.get("refused", []):
        try:
            refused[sql] = None
            con.execute(sql).fetchall()
        except duckdb.Error as error:
            refused[sql] = str(error)
    columns = (
        "select table_name, column_name, data_type, comment from duckdb_columns() "
        "where not internal order by 1, column_index"
    )
    answer = {
        "version": duckdb.__version__,
        "tables": [row[0] for row in rows("select table_name from information_schema.tables order by 1")],
        "table_comments": rows("select table_name, comment from duckdb_tables() order by 1"),
        "column_comments": rows(columns),
        "answers": {name: rows(sql) for name, sql in asked["queries"].items()},
        "refused": refused,
    }
    print(json.dumps(answer, ensure_ascii=False))


if __name__ == "__main__":
    main()
