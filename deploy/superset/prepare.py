"""Set a new Superset up: tables of its metadata, roles, an administrator. python prepare.py USER, password in
SUPERSET_PASSWORD; superset_config.py is read as usual. Does in one process what `superset db upgrade`,
`superset fab create-admin` and `superset init` do, and does no harm when it is done again.

Not here: settings (superset_config.py), the dashboard (import_dashboard.py).
"""

import os
import sys

from flask_migrate import upgrade
from superset.app import create_app


def main() -> None:
    user, password = sys.argv[1], os.environ["SUPERSET_PASSWORD"]
    app = create_app()
    with app.app_context():
        import superset
        from superset.extensions import appbuilder, security_manager

        upgrade(directory=os.path.join(os.path.dirname(superset.__file__), "migrations"))
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        if security_manager.find_user(user) is None:
            role = security_manager.find_role("Admin")
            security_manager.add_user(user, "indexhouse", "administrator", f"{user}@localhost", role, password)


if __name__ == "__main__":
    main()
