"""Run app.py without a browser and say what it shows: python try_app.py YEAR, INDEXHOUSE_RELEASE as for the app."""

import json
import sys
from pathlib import Path

from streamlit.testing.v1 import AppTest

app = AppTest.from_file(str(Path(__file__).with_name("app.py")), default_timeout=120).run()
app.selectbox[0].select(int(sys.argv[1])).run()
table = app.dataframe[0].value
print(
    json.dumps(
        {
            "errors": [error.value for error in app.exception],
            "caption": app.caption[0].value,
            "rows": table.values.tolist(),
        },
        ensure_ascii=False,
    )
)
