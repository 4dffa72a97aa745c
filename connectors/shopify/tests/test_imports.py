"""The connector runs without its sandbox's extras."""

import subprocess
import sys


def test_the_connector_imports_neither_graphql_nor_a_web_framework() -> None:
    code = (
        "import sys, crossdock_shopify; "
        "print(sorted({'graphql', 'starlette', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
