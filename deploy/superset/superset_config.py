"""Settings of a small Superset that shows a release: read by SUPERSET_CONFIG_PATH.

Not here: the connection to the release and the dashboard (assets/, brought in by import_dashboard.py).
"""

import os

# The key signs sessions and encrypts what Superset keeps of connections: set a long random one, and keep it.
SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]

# Accounts, datasets and charts of Superset itself. A file is enough for one office; PostgreSQL for more.
SQLALCHEMY_DATABASE_URI = os.environ.get(
    "SUPERSET_METADATA_URI", f"sqlite:///{os.path.join(os.environ.get('SUPERSET_HOME', '.'), 'superset.db')}"
)

# An answer may be as old as this after a new release. The release answers in milliseconds: no cache is needed.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
FILTER_STATE_CACHE_CONFIG = {"CACHE_TYPE": "SupersetMetastoreCache", "CACHE_DEFAULT_TIMEOUT": 86400}
EXPLORE_FORM_DATA_CACHE_CONFIG = {"CACHE_TYPE": "SupersetMetastoreCache", "CACHE_DEFAULT_TIMEOUT": 86400}

# A release holds tables only; files are never uploaded into it, and SQL Lab needs no Jinja.
FEATURE_FLAGS = {"ENABLE_TEMPLATE_PROCESSING": False}
SUPERSET_WEBSERVER_TIMEOUT = 60
ROW_LIMIT = 50_000
SQL_MAX_ROW = 100_000

LANGUAGES = {
    "en": {"flag": "us", "name": "English"},
    "zh": {"flag": "cn", "name": "简体中文"},
}
BABEL_DEFAULT_LOCALE = "en"
