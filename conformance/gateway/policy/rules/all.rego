package conformance

import rego.v1

permit contains {"id": "all"}
