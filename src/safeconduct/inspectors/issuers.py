"""How the tokens of issuers are written, as their documentation says.

Each row: the issuer, which names the kind `secret.<issuer>`; a pattern of RE2 over ASCII; a literal
or short pattern that every such token has, and few other texts; and for what is written like other
things as well, how many bits of entropy each of its characters has to have at least.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Token(NamedTuple):
    """A token that is known by itself. A `weak` one needs entropy, and stands in no longer run."""

    issuer: str
    pattern: str
    sign: str
    weak: float = 0.0


class Named(NamedTuple):
    """A token that is known only beside the issuer's name, in an assignment or a member."""

    issuer: str
    name: str
    value: str


_UUID: Final = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

TOKENS: Final[tuple[Token, ...]] = (
    Token("anthropic", r"sk-ant-[A-Za-z0-9_-]{20,}", "sk-ant-"),
    Token("openrouter", r"sk-or-(?:v\d-)?[A-Za-z0-9_-]{32,}", "sk-or-"),
    Token("langfuse", rf"sk-lf-{_UUID}", "sk-lf-"),
    Token(
        "openai", r"sk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,}", "sk-[A-Za-z0-9_-]{8}"
    ),
    Token(
        "aws",
        r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}\b",
        "A(?:KIA|SIA|BIA|CCA|3T)[A-Z0-9]",
    ),
    Token("aws", r"ABSK[A-Za-z0-9+/]{100,}={0,2}", "ABSK[A-Za-z0-9+/]{4}"),
    Token("aws", r"bedrock-api-key-[A-Za-z0-9+/=]{20,}", "bedrock-api-key-"),
    Token(
        "github",
        r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
        "gh[pousr]_|github_pat_",
    ),
    Token(
        "gitlab",
        r"(?:gl(?:pat|dt|ft|imt|agent|oas|soat|ffct|rtr|wt)-[A-Za-z0-9_-]{20,}"
        r"(?:\.[0-9a-z]{2})?(?:\.[0-9a-z]{9})?"
        r"|glrt-(?:t\d_)?[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2})?(?:\.[0-9a-z]{9})?|glptt-[0-9a-f]{40}"
        r"|glcbt-[A-Za-z0-9]{1,5}_[A-Za-z0-9_-]{20,}|GR1348941[A-Za-z0-9_-]{20,})",
        "gl(?:pat|dt|ft|imt|agent|oas|soat|ffct|rtr|wt|rt|ptt|cbt)-|GR1348941",
    ),
    Token("gitlab", r"_gitlab_session=[0-9a-z]{32}", "_gitlab_session="),
    Token("slack", r"(?:xox[abceoprs]|xwfp)-[A-Za-z0-9-]{10,}", "xox[abceoprs]-|xwfp-"),
    Token("slack", r"xoxd-[A-Za-z0-9%/+=_-]{20,}", "xoxd-"),
    Token("slack", r"xoxe\.xox[bp]-\d-[A-Za-z0-9-]{40,}", r"xoxe\.xox"),
    Token("slack", r"(?i:xapp)-\d-[A-Za-z0-9]+-\d+-[A-Za-z0-9]{6,}", "(?i:xapp)-[0-9]"),
    Token(
        "slack",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{30,}",
        r"hooks\.slack\.com/",
    ),
    Token(
        "stripe",
        r"(?:[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}(?:[_.][A-Za-z0-9_-]{6,})*|whsec_[A-Za-z0-9+/]{16,})",
        "[rs]k_(?:live|test|prod)_|whsec_",
    ),
    Token("google", r"AIza[A-Za-z0-9_-]{30,}", "AIza"),
    Token("google", r"GOCSPX-[A-Za-z0-9_-]{20,}", "GOCSPX-"),
    Token("google", r"AQ\.[A-Za-z0-9_-]{35,}", r"AQ\.[A-Za-z0-9_-]{16}", 3.5),
    Token("google", r"4/0A[A-Za-z0-9_-]{30,}", "4/0A[A-Za-z0-9_-]{12}", 3.5),
    Token("google", r"GOOG(?:1E)?[A-Z0-9]{16,58}\b", "GOOG[A-Z0-9]{16}", 3.0),
    Token("google", r"ya29\.(?:[A-Za-z]\.)?[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)?", r"ya29\."),
    Token("google", r"1//0[A-Za-z0-9_-]{38,}", "1//0", 3.5),
    Token("1password", r"ops_eyJ[A-Za-z0-9+/_-]{100,}={0,3}", "ops_eyJ"),
    Token(
        "1password",
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b",
        "A3-[A-Z0-9]{6}-",
    ),
    Token("ably", r"[\w-]{6}\.[\w-]{6}:[\w-]{43}\b", r"\.[\w-]{6}:[\w-]{4}", 4.0),
    Token("adobe", r"p8e[-_][A-Za-z0-9_-]{32,}", "p8e[-_]"),
    Token("age", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", "AGE-SECRET-KEY-1"),
    Token("airtable", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", r"pat[A-Za-z0-9]{14}\."),
    Token("alibaba", r"LTAI[A-Za-z0-9]{12,24}\b", "LTAI[A-Za-z0-9]", 2.0),
    Token("apify", r"apify_(?:api|proxy)_[A-Za-z0-9]{34,}", "apify_(?:api|proxy)_"),
    Token("artifactory", r"AKC[A-Za-z0-9]{60,}", "AKC[A-Za-z0-9]{12}", 4.0),
    Token("artifactory", r"cmVmd[A-Za-z0-9]{59}\b", "cmVmd", 4.0),
    Token("asana", r"[0-2]/[0-9]{15,17}(?:/[0-9]{15,17})?:[0-9a-f]{32}\b", "[0-9]{3}:[0-9a-f]{4}"),
    Token(
        "atlassian",
        r"AT(?:ATT3|CTT3|BB|TA)[A-Za-z0-9_=-]{24,}",
        "AT(?:ATT3|CTT3|BB|TA)[A-Za-z0-9_=-]{8}",
        3.5,
    ),
    Token(
        "authress",
        (
            r"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.(?i:acc)[_-]"
            r"[A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}"
        ),
        r"\.(?i:acc)[_-]",
    ),
    Token("azure", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", "[0-9]Q~[A-Za-z0-9_~.-]{8}"),
    Token(
        "azure",
        r"(?i:AccountKey|SharedAccessKey|SharedSecretValue)\s*=\s*([A-Za-z0-9+/]{20,100}={0,2})",
        "(?i:AccountKey|SharedAccessKey|SharedSecretValue)",
    ),
    Token("azure", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b", "AZDO[A-Za-z0-9]{4}"),
    Token(
        "azure",
        r"[A-Za-z0-9_-]{40,44}Az(?:Fu|Se|Ca)[A-Za-z0-9+/_-]{5,8}={0,2}",
        "Az(?:Fu|Se|Ca)[A-Za-z0-9+/_-]{5}",
        4.0,
    ),
    Token(
        "azure",
        r"[A-Za-z0-9+/]{70,80}(?:\+ASt|ACDb|AIoT|ASb|AEh)[A-Za-z0-9+/]{4,8}={0,2}",
        r"(?:\+ASt|ACDb|AIoT|\+ASb|\+AEh)[A-Za-z0-9+/]{4,8}=",
        4.0,
    ),
    Token("azure", r"[?&]sig=([A-Za-z0-9%+/]{40,}(?:%3[dD]|=))", "[?&]sig=|u0026sig="),
    Token(
        "braintree",
        r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
        r"access_token\$",
    ),
    Token("brevo", r"x(?:keysib|smtpsib)-[0-9a-f]{64}-[A-Za-z0-9]{16}", "x(?:keysib|smtpsib)-"),
    Token("buildkite", r"bk[a-z]{2}_[0-9a-z]{30,}", "bk[a-z]{2}_[0-9a-z]{16}", 3.0),
    Token("cerebras", r"csk-[a-z0-9]{40,}", "csk-"),
    Token("circleci", r"CCIP(?:AT|RJ)_[A-Za-z0-9]{20,}_[0-9a-z]{40}", "CCIP(?:AT|RJ)_"),
    Token("clickhouse", r"4b1d[A-Za-z0-9]{38}\b", "4b1d[A-Za-z0-9]{12}", 3.0),
    Token("clickup", r"pk_[0-9]{6,9}_[A-Z0-9]{32}\b", "pk_[0-9]{6}"),
    Token("clojars", r"(?i:CLOJARS)_[A-Za-z0-9]{60}", "(?i:CLOJARS)_"),
    Token("cloudflare", r"v1\.0-[0-9a-f]{20,80}-[0-9a-f]{100,}", r"v1\.0-[0-9a-f]"),
    Token("contentful", r"CFPAT-[A-Za-z0-9_-]{43}", "CFPAT-"),
    Token("crates-io", r"cio[A-Za-z0-9]{32}\b", "cio[A-Za-z0-9]{12}", 4.0),
    Token(
        "databricks",
        r"d(?:api|kea|ose|srt)[0-9a-f]{32}(?:-\d)?\b",
        "d(?:api|kea|ose|srt)[0-9a-f]{8}",
    ),
    Token("defined-networking", r"dnkey-[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}", "dnkey-"),
    Token("deno", r"dd[pow]_[A-Za-z0-9]{36,}", "dd[pow]_[A-Za-z0-9]{8}"),
    Token("digitalocean", r"do[a-z]_v1_[0-9a-fA-F]{64}", "do[a-z]_v1_"),
    Token(
        "discord",
        r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}\b",
        r"[A-Za-z0-9_-]{4}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{4}",
        4.0,
    ),
    Token(
        "discord",
        r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,}",
        r"discord(?:app)?\.com/api/",
    ),
    Token("docker", r"dckr_[po]at_[A-Za-z0-9_-]{20,}", "dckr_[po]at_"),
    Token(
        "doppler",
        r"dp\.(?:pt|st|ct|sa|said|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
        r"dp\.(?:pt|st|ct|sa|said|scim|audit)\.",
    ),
    Token("dropbox", r"sl\.(?:[a-z]{1,2}\.)?[A-Za-z0-9_=-]{60,}", r"sl\.[A-Za-z0-9_=-]", 4.0),
    Token("duffel", r"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}", "duffel_(?:test|live)_"),
    Token(
        "dynatrace",
        r"dt0[a-zA-Z][0-9]{2}\.[A-Za-z0-9]{8,24}\.[A-Za-z0-9]{64}",
        r"dt0[a-zA-Z][0-9]{2}\.",
    ),
    Token("e2b", r"e2b_[0-9a-f]{40}", "e2b_"),
    Token("easypost", r"EZ[AT]K[A-Za-z0-9]{54}\b", "EZ[AT]K[A-Za-z0-9]{4}"),
    Token("elevenlabs", r"sk_[0-9a-f]{48}\b", "sk_[0-9a-f]{8}"),
    Token("endor-labs", r"endr\+[A-Za-z0-9-]{16,}", r"endr\+"),
    Token("facebook", r"EAA[A-Za-z][A-Za-z0-9]{90,}", "EAA[A-Za-z0-9]{16}", 4.0),
    Token(
        "facebook",
        r"[0-9]{15,16}(?:\||%(?:7[cC])?)[A-Za-z0-9_-]{27,40}\b",
        r"[0-9]{3}(?:\||%)[A-Za-z0-9_-]{8}",
        3.0,
    ),
    Token("figma", r"fig[a-z]{1,2}_[A-Za-z0-9_-]{20,}", "fig[a-z]{1,2}_[A-Za-z0-9_-]{12}", 3.5),
    Token("fireworks", r"fw_[A-Za-z0-9]{20,}\b", "fw_[A-Za-z0-9]{12}", 3.5),
    Token(
        "flutterwave", r"FLW(?:SECK|PUBK)(?:_TEST)?-[A-Za-z0-9]{12,40}(?:-X)?", "FLW(?:SECK|PUBK)"
    ),
    Token(
        "fly",
        (
            r"(?:fo1_[A-Za-z0-9_-]{43}|fm1[ar]_[A-Za-z0-9+/]{100,}={0,3}|fm2_"
            r"[A-Za-z0-9+/]{100,}={0,3})"
        ),
        "f(?:o1|m1[ar]|m2)_",
    ),
    Token("frame-io", r"fio-u-[A-Za-z0-9_=-]{64}", "fio-u-"),
    Token(
        "grafana",
        r"(?:glc_[A-Za-z0-9+/]{32,}={0,3}|glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8})",
        "gl(?:c|sa)_",
    ),
    Token("grafana", r"eyJrIjoi[A-Za-z0-9]{40,}={0,3}", "eyJrIjoi"),
    Token("groq", r"gsk_[A-Za-z0-9]{30,}", "gsk_[A-Za-z0-9]"),
    Token(
        "harness",
        r"[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}\b",
        r"[ps]at\.[A-Za-z0-9_-]{22}\.",
    ),
    Token("hashicorp", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", r"\.atlasv1\."),
    Token(
        "vault",
        r"hv[bsr]\.[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9]{5,6}\b)?",
        r"hv[bsr]\.[A-Za-z0-9_-]{8}",
    ),
    Token(
        "vault", r"[sbr]\.[A-Za-z0-9]{24,}\b(?:\.[A-Za-z0-9]{5}\b)?", r"[sbr]\.[A-Za-z0-9]{24}", 3.8
    ),
    Token("heroku", r"HRKU-[A-Za-z0-9_-]{36,}", "HRKU-"),
    Token("hubspot", rf"pat-[a-z]{2}\d-{_UUID}", r"pat-[a-z]{2}\d-"),
    Token(
        "hugging-face",
        r"(?:hf_|api_org_|hf_oauth_)[A-Za-z0-9]{30,}",
        "(?:hf_|api_org_)[A-Za-z0-9]{5}",
    ),
    Token("infracost", r"ico-[A-Za-z0-9]{32}\b", "ico-[A-Za-z0-9]{8}", 3.0),
    Token("intra42", r"s-s4t2(?:ud|af)-[0-9a-fA-F]{64}", "s-s4t2"),
    Token("ionic", r"ion_[A-Za-z0-9]{42}\b", "ion_[A-Za-z0-9]{16}", 3.5),
    Token("jwt", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}", r"eyJ[\w-]{8,}\.eyJ"),
    Token(
        "jwt",
        r"eyJ[\w-]{20,}\.(?:[\w-]*\.){3}[\w-]{16,}",
        r"eyJ[\w-]{20,}\.[\w-]*\.[\w-]*\.[\w-]*\.",
    ),
    Token("langsmith", r"ls(?:v2_(?:pt|sk)_|__)[0-9a-f]{32}(?:_[0-9a-f]{10})?", "ls(?:v2_|__)"),
    Token("launchdarkly", rf"(?:api|sdk|mob)-{_UUID}\b", "(?:api|sdk|mob)-[0-9a-fA-F]{8}-"),
    Token("linear", r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,}", "lin_(?:api|oauth|wh)_"),
    Token("mailchimp", r"[0-9a-f]{32}-us[0-9]{1,2}\b", "[0-9a-f]{4}-us[0-9]"),
    Token("mailgun", r"(?:pub)?key-[0-9a-f]{32}\b", "key-[0-9a-f]{32}", 2.5),
    Token("mapbox", r"sk\.eyJ[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{20,}", r"sk\.eyJ"),
    Token("maxmind", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b", "_mmk"),
    Token("mercado-pago", r"APP_USR-[0-9]{10,}-[0-9]{6}-[0-9a-f]{32}-[0-9]+", "APP_USR-[0-9]"),
    Token(
        "microsoft-teams",
        r"(?:[a-z0-9-]+\.webhook|outlook)\.office(?:365)?\.com/webhook(?:b2)?/[A-Za-z0-9@/-]{60,}",
        r"\.?office(?:365)?\.com/webhook",
    ),
    Token("mollie", r"(?:live|test)_[A-Za-z0-9]{30}\b", "(?:live|test)_[A-Za-z0-9]{12}", 3.8),
    Token("mongodb", r"mdb_sa_sk_[A-Za-z0-9_-]{30,}", "mdb_sa_sk_"),
    Token("neon", r"napi_[a-z0-9]{40,}", "napi_[a-z0-9]{8}"),
    Token("netlify", r"nf[pcoub]_[A-Za-z0-9]{36,}", "nf[pcoub]_[A-Za-z0-9]{8}"),
    Token(
        "new-relic",
        (
            r"(?:NRAK-[A-Za-z0-9]{20,}|NR(?:JS|II|RA|IQ|BR|SP|AA)-[A-Za-z0-9-]{19,}|"
            r"(?:[a-z]{2}[0-9]{2}x{1,2})?[0-9a-f]{28,40}(?:FFFF)?NRAL)"
        ),
        "NR(?:AK|JS|II|RA|IQ|BR|SP|AA)-|NRAL",
    ),
    Token(
        "notion",
        r"(?:ntn_[0-9]{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43}\b)",
        "ntn_[0-9]{8}|secret_[A-Za-z0-9]{12}",
    ),
    Token("npm", r"(?i:npm)_[A-Za-z0-9]{36,}", "(?i:npm)_[A-Za-z0-9]{8}"),
    Token("nuget", r"oy2[a-z0-9]{43}\b", "oy2[a-z0-9]{12}"),
    Token("nvidia", r"nvapi-[A-Za-z0-9_-]{40,}", "nvapi-"),
    Token("nylas", r"nyk_v0_[A-Za-z0-9]{40,}", "nyk_v0_"),
    Token("octopus-deploy", r"API-[A-Z0-9]{25,32}\b", "API-[A-Z0-9]{12}", 3.0),
    Token("onesignal", r"os_v2_(?:app|org)_[a-z0-9]{60,}", "os_v2_"),
    Token("openshift", r"sha256~[A-Za-z0-9_-]{43}", "sha256~"),
    Token("open-vsx", rf"ovsxat_{_UUID}", "ovsxat_"),
    Token("perplexity", r"pplx-[A-Za-z0-9]{30,}", "pplx-"),
    Token("pinecone", r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{50,}", "pcsk_"),
    Token(
        "plaid",
        rf"access-(?:sandbox|development|production)-{_UUID}",
        "access-(?:sandbox|development|production)-",
    ),
    Token("planetscale", r"pscale_(?:tkn|oauth|pw|tokid)_[A-Za-z0-9=._-]{32,64}", "pscale_"),
    Token("polar", r"polar_(?:oat|pat|whs)_[A-Za-z0-9_-]{30,}", "polar_(?:oat|pat|whs)_"),
    Token("posthog", r"ph[xrs]_[A-Za-z0-9_-]{32,}", "ph[xrs]_[A-Za-z0-9_-]{12}"),
    Token("postman", r"PMA[KT]-[A-Za-z0-9]{20,26}(?:-[0-9a-fA-F]{24,})?", "PMA[KT]-"),
    Token("prefect", r"pn[ub]_[A-Za-z0-9]{36}", "pn[ub]_[A-Za-z0-9]{8}"),
    Token("pulumi", r"pul-[0-9a-f]{32,}\b", "pul-[0-9a-f]{8}"),
    Token("pypi", r"pypi-A[A-Za-z0-9_-]{50,}", "pypi-A"),
    Token("readme", r"rdme_[a-z0-9]{40,}", "rdme_"),
    Token("render", r"rnd_[A-Za-z0-9]{28,}\b", "rnd_[A-Za-z0-9]{12}", 3.5),
    Token("replicate", r"r8_[A-Za-z0-9]{35,}\b", "r8_[A-Za-z0-9]{12}"),
    Token(
        "resend", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}\b", "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20}", 3.5
    ),
    Token("rubygems", r"rubygems_[0-9a-f]{48}", "rubygems_"),
    Token("runpod", r"rp[as]_[A-Za-z0-9]{30,}\b", "rp[as]_[A-Za-z0-9]{12}", 3.5),
    Token("salesforce", r"00D[A-Za-z0-9]{12,15}![A-Za-z0-9_.]{80,}", "00D[A-Za-z0-9]{12,15}!"),
    Token("scalingo", r"tk-us-[A-Za-z0-9_-]{48}", "tk-us-"),
    Token(
        "sendgrid", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_=-]{16,}", r"SG\.[A-Za-z0-9_=.-]{8}", 3.0
    ),
    Token("sentry", r"sntry[a-z]{1,2}_[A-Za-z0-9+/=_-]{40,}", "sntry[a-z]{1,2}_"),
    Token("settlemint", r"sm_[aps]at_[A-Za-z0-9]{16,}", "sm_[aps]at_"),
    Token("shippo", r"shippo_(?:live|test)_[0-9a-fA-F]{40}", "shippo_(?:live|test)_"),
    Token("shopify", r"shp(?:at|ca|pa|ss|tka|ua)_[0-9a-fA-F]{32}", "shp(?:at|ca|pa|ss|tka|ua)_"),
    Token("snyk", r"snyk_(?:uat|sat)\.[A-Za-z0-9_.-]{30,}", r"snyk_(?:uat|sat)\."),
    Token("sonar", r"sq[upa]_[0-9a-f]{40}\b", "sq[upa]_[0-9a-f]{8}"),
    Token(
        "sourcegraph",
        r"(?:sg[pd]_(?:(?:[0-9a-fA-F]{16}|local)_){0,2}[0-9a-fA-F]{40}|slk_[0-9a-f]{64})\b",
        "sg[pd]_|slk_",
    ),
    Token("square", r"sq0[a-z]{3}-[A-Za-z0-9_-]{20,60}", "sq0[a-z]{3}-"),
    Token("square", r"EAAA[A-Za-z0-9_-]{22,60}\b", "EAAA[A-Za-z0-9_-]{12}", 4.0),
    Token("statsig", r"secret-[A-Za-z0-9]{40,46}\b", "secret-[A-Za-z0-9]{12}", 3.5),
    Token(
        "supabase",
        r"(?:sbp_(?:v\d_|oauth_)?[0-9a-z]{40,}|sb_secret_[A-Za-z0-9_-]{20,})",
        "sbp_[0-9a-z_]{8}|sb_secret_",
    ),
    Token("tailscale", r"tskey-[A-Za-z0-9]{3,}(?:-[A-Za-z0-9]{4,}){1,3}", "tskey-", 3.0),
    Token("tavily", r"tvly-(?:dev-|prod-)?[A-Za-z0-9_-]{20,}", "tvly-"),
    Token("telegram", r"[0-9]{8,11}:[A-Za-z0-9_-]{35}\b", "[0-9]:[A-Za-z0-9_-]{24}", 3.8),
    Token("tencent", r"AKID[A-Za-z0-9]{32}\b", "AKID[A-Za-z0-9]{8}", 3.5),
    Token("together", r"tgp_v1_[A-Za-z0-9_-]{40,}", "tgp_v1_"),
    Token("twilio", r"SK[0-9a-fA-F]{32}\b", "SK[0-9a-fA-F]{8}", 3.0),
    Token("twitter", r"A{20,22}[A-Za-z0-9%]{60,100}\b", "A{20}", 2.5),
    Token("typeform", r"tfp_[A-Za-z0-9_.=-]{40,}", "tfp_"),
    Token(
        "vercel",
        r"(?:vercel_blob_rw_[A-Za-z0-9_]{30,}|vc[a-z]_[A-Za-z0-9]{24,})",
        "vercel_blob_rw_|vc[a-z]_[A-Za-z0-9]{12}",
    ),
    Token("voyage", r"pa-[A-Za-z0-9_-]{43}\b", "pa-[A-Za-z0-9_-]{16}", 4.5),
    Token("weights-and-biases", r"wandb_v1_[A-Za-z0-9_]{60,}", "wandb_v1_"),
    Token(
        "wireguard",
        r"(?i:PrivateKey|PresharedKey)\s*=\s*([A-Za-z0-9+/]{43}=)",
        "(?i:PrivateKey|PresharedKey)",
    ),
    Token("xai", r"xai-[A-Za-z0-9_]{40,}", "xai-[A-Za-z0-9]{8}"),
    Token(
        "yandex",
        (
            r"(?:AQVN[A-Za-z0-9_-]{35,38}|t1\.[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]{86}={0,2}|y"
            r"[0-6]_[A-Za-z0-9_-]{50,})"
        ),
        r"AQVN|t1\.[A-Za-z0-9_=-]+\.|y[0-6]_[A-Za-z0-9_-]{12}",
        3.5,
    ),
    Token("zoho", r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}\b", r"1000\.[0-9a-f]{8}"),
    Token("zuplo", r"zpka_[A-Za-z0-9_]{32,}", "zpka_"),
    Token("beamer", r"b_[A-Za-z0-9=_-]{44}\b", "b_[A-Za-z0-9=_-]{12}", 4.6),
    Token(
        "sidekiq",
        r"https?://([0-9a-f]{8}:[0-9a-f]{8})@(?:gems|enterprise)\.contribsys\.com",
        r"\.contribsys\.com",
    ),
    Token(
        "zapier",
        r"hooks\.zapier\.com/hooks/(?:standard|catch)/[a-z0-9]+/[a-z0-9]{5,}",
        r"hooks\.zapier\.com/",
    ),
    Token("flexport", "shltm_[A-Za-z0-9_-]{30,}", "shltm_"),
    Token("nightfall", r"NF-[A-Za-z0-9]{32,36}\b", "NF-[A-Za-z0-9]{12}", 3.3),
    Token("adafruit", r"aio_[A-Za-z0-9]{28}\b", "aio_[A-Za-z0-9]{4}", 3.0),
    Token(
        "adyen", r"AQE[a-z]hm[A-Za-z0-9+/]{40,}[A-Za-z0-9+/=<>.,%()\[\]{}&*^$-]{0,80}", "AQE[a-z]hm"
    ),
    Token("aiven", "aivenv1[A-Za-z0-9+/]{40,}={0,2}", "aivenv1"),
    Token("amazon-login", r"amzn1\.oa2-cs\.v1\.[0-9a-f]{64}", r"amzn1\.oa2-cs\."),
    Token("amazon-login", r"At[zc][ar]?\|[A-Za-z0-9+/=_-]{40,}", r"At[zc][ar]?\|"),
    Token("amazon-mws", rf"amzn\.mws\.{_UUID}", r"amzn\.mws\."),
    Token("anyscale", "esecret_[a-z0-9]{20,}", "esecret_"),
    Token(
        "aws",
        "(?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[A-Za-z0-9+/=_-]{60,}",
        "IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz",
    ),
    Token("axiom", rf"xa[aip]t-{_UUID}", "xa[aip]t-[0-9a-fA-F]{8}-"),
    Token("azure", "[A-Za-z0-9]{40,60}JQQJ99[A-Za-z0-9]{20,40}", "JQQJ99"),
    Token("azure", r"[A-Za-z0-9+/]{30,50}\+ACR[A-Za-z0-9]{6}", r"\+ACR[A-Za-z0-9]{6}", 4.0),
    Token("bitbucket", "BBDC-[A-Za-z0-9+/@_-]{40,50}", "BBDC-"),
    Token(
        "bitwarden",
        rf"0\.{_UUID}\.[A-Za-z0-9]{{20,}}:[A-Za-z0-9+/]{{20,}}={{0,2}}",
        r"0\.[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-",
    ),
    Token(
        "blockfrost",
        r"(?:mainnet|preprod|preview|testnet|ipfs)[A-Za-z0-9]{32}\b",
        "(?:mainnet|preprod|preview|testnet|ipfs)[A-Za-z0-9]{4}",
        4.0,
    ),
    Token(
        "boundary", "at_[A-Za-z0-9]{10}_[A-Za-z0-9]{40,}", "at_[A-Za-z0-9]{10}_[A-Za-z0-9]{12}", 3.5
    ),
    Token("brave", r"BSA[A-Za-z0-9_-]{22,32}\b", "BSA[A-Za-z0-9_-]{4}", 4.0),
    Token("browserbase", "bb_(?:live|test)_[A-Za-z0-9_-]{16,}", "bb_(?:live|test)_"),
    Token("canva", "cnvca[A-Za-z0-9_-]{40,}", "cnvca"),
    Token("cashfree", "cfsk_ma_(?:prod|test)_[0-9a-f]{32}_[0-9a-f]{8}", "cfsk_ma_"),
    Token("censys", "censys_[A-Za-z0-9]{6,}_[A-Za-z0-9]{20,}", "censys_[A-Za-z0-9]{6,}_", 3.0),
    Token("checkly", r"cu_[0-9a-f]{32}\b", "cu_[0-9a-f]{4}"),
    Token("chroma", r"ck-[A-Za-z0-9]{44}\b", "ck-[A-Za-z0-9]{4}", 4.0),
    Token("chromatic", "chp[a-z]_[0-9a-f]{12,}", "chp[a-z]_[0-9a-f]{12}", 2.5),
    Token(
        "close",
        r"api_[A-Za-z0-9]{20,24}\.[A-Za-z0-9]{20,24}\b",
        r"api_[A-Za-z0-9]{20,24}\.[A-Za-z0-9]{12}",
        3.5,
    ),
    Token("cloudflare", "cf(?:ut|at|k)_[A-Za-z0-9]{40,}", "cf(?:ut|at|k)_[A-Za-z0-9]{4}"),
    Token("cloudflare", "eyJhIjoi[A-Za-z0-9+/_-]{80,}={0,2}", "eyJhIjoi"),
    Token("cockroach", "CCDB1_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", "CCDB1_"),
    Token("confluent", "cflt[A-Za-z0-9+/]{50,}", "cflt[A-Za-z0-9+/]{4}", 4.0),
    Token(
        "configcat",
        r"configcat-(?:sdk|proxy)-\d(?:/[A-Za-z0-9_-]{16,}){1,2}",
        "configcat-(?:sdk|proxy)-",
    ),
    Token(
        "convex",
        r"(?:prod|dev|preview|project):[a-z0-9:-]{3,60}\|[A-Za-z0-9+/]{40,}={0,2}",
        r"\|[A-Za-z0-9+/]{24}",
        4.0,
    ),
    Token("coze", r"pat_[A-Za-z0-9]{40,}\b", "pat_[A-Za-z0-9]{4}", 4.0),
    Token("cursor", r"(?:key|crsr)_[0-9a-f]{64}\b", "(?:key|crsr)_[0-9a-f]{4}"),
    Token(
        "dependency-track", "odt_[A-Za-z0-9]{32,}(?:_[A-Za-z0-9]{20,})?", "odt_[A-Za-z0-9]{4}", 3.0
    ),
    Token(
        "devcycle",
        "(?:dvc_server|server)_[A-Za-z0-9_-]{20,}_[A-Za-z0-9_-]{8,}",
        "(?:dvc_server|server)_[A-Za-z0-9_-]{4}",
        4.0,
    ),
    Token("devcycle", "dvc_server_[A-Za-z0-9_-]{16,}", "dvc_server_"),
    Token("dify", r"(?:app|dataset)-[A-Za-z0-9]{24}\b", "(?:app|dataset)-[A-Za-z0-9]{4}", 4.0),
    Token("digitalocean", r"DO[08][0-9A-Z][A-Z0-9]{17}\b", "DO[08][0-9A-Z][A-Z0-9]{12}", 3.0),
    Token("discord", r"mfa\.[A-Za-z0-9_-]{60,}", r"mfa\.[A-Za-z0-9_-]{12}", 4.0),
    Token("docker-swarm", r"SWM(?:KEY|TKN)-\d-[A-Za-z0-9+/-]{40,}", "SWM(?:KEY|TKN)-"),
    Token("elastic", "ess[up]_[A-Za-z0-9+/]{30,}={0,2}", "ess[up]_[A-Za-z0-9+/]{12}", 3.5),
    Token("fal", rf"{_UUID}:[0-9a-f]{{32}}\b", "[0-9a-f]:[0-9a-f]{8}"),
    Token("fauna", r"fn[AE][A-Za-z0-9_-]{37,50}\b", "fn[AE][A-Za-z0-9_-]{12}", 4.2),
    Token("firecrawl", r"fc-[0-9a-f]{32}\b", "fc-[0-9a-f]{13}"),
    Token("firehydrant", r"fhb-[0-9a-f]{32}\b", "fhb-[0-9a-f]{4}"),
    Token("flagsmith", r"ser\.[A-Za-z0-9]{16,}\b", r"ser\.[A-Za-z0-9]{12}", 3.3),
    Token("friendli", "flp_[A-Za-z0-9]{30,}", "flp_[A-Za-z0-9]{4}", 3.5),
    Token("ghost", r"[0-9a-f]{24}:[0-9a-f]{64}\b", "[0-9a-f]:[0-9a-f]{8}"),
    Token("gitbook", "gb_api_[A-Za-z0-9]{20,}", "gb_api_"),
    Token(
        "gocardless",
        r"(?:live|sandbox)_[A-Za-z0-9_-]{40}\b",
        "(?:live|sandbox)_[A-Za-z0-9_-]{4}",
        4.0,
    ),
    Token(
        "growthbook",
        r"secret_(?:user|admin|readonly|engineer)?_?[A-Za-z0-9]{24,}\b",
        "secret_[A-Za-z0-9_]{4}",
        4.0,
    ),
    Token("headscale", "hskey-[a-z]{2,8}-[A-Za-z0-9_-]{20,}", "hskey-"),
    Token("honeycomb", "hc[a-z]{1,3}k_[a-z0-9]{30,}", "hc[a-z]{1,3}k_[a-z0-9]{4}"),
    Token("imagekit", "private_[A-Za-z0-9+/]{26,28}=?", "private_[A-Za-z0-9+/]{4}", 4.0),
    Token(
        "infisical", r"st\.[0-9a-f-]{24,36}\.[0-9a-f]{32}\.[0-9a-f]{32,}", r"st\.[0-9a-f-]{24,36}\."
    ),
    Token("instagram", "IG[A-Z]{2}[A-Za-z0-9_-]{80,}", "IG[A-Z]{2}[A-Za-z0-9_-]{12}", 4.0),
    Token("intercom", "dG9rO[A-Za-z0-9+/_-]{40,}={0,2}", "dG9rO[A-Za-z0-9+/_-]{4}"),
    Token("jina", "jina_[A-Za-z0-9]{40,}", "jina_[A-Za-z0-9]{4}"),
    Token("jumpcloud", "jca_[A-Za-z0-9]{30,}", "jca_[A-Za-z0-9]{4}", 3.5),
    Token("klaviyo", r"pk_[0-9a-f]{34}\b", "pk_[0-9a-f]{4}"),
    Token("klaviyo", r"pk_[A-Za-z0-9]{6}_[0-9a-f]{34}\b", "pk_[A-Za-z0-9]{6}_[0-9a-f]{12}"),
    Token("llama", r"LLM\|\d{10,20}\|[A-Za-z0-9_-]{20,}", r"LLM\|\d"),
    Token("llamaindex", "llx-[A-Za-z0-9]{40,}", "llx-[A-Za-z0-9]{4}", 3.5),
    Token("lob", r"(?:live|test)_(?:pub_)?[0-9a-f]{31,35}\b", "(?:live|test)_(?:pub_)?[0-9a-f]{4}"),
    Token("linkedin", r"WPL_AP\d\.[A-Za-z0-9]{8,}\.[A-Za-z0-9+/=]{6,}", "WPL_AP"),
    Token("mailgun", r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b", "[0-9a-f]-[0-9a-f]{8}-[0-9a-f]{8}"),
    Token("mandrill", r"md-[A-Za-z0-9_-]{22}\b", "md-[A-Za-z0-9_-]{4}", 4.0),
    Token(
        "matrix", "syt_[A-Za-z0-9+/=]{2,}_[A-Za-z0-9]{20}_[A-Za-z0-9]{6}", "syt_[A-Za-z0-9+/=]{2}"
    ),
    Token("matrix", r"m[cu][at]_[A-Za-z0-9]{30}_[A-Za-z0-9]{6}\b", "m[cu][at]_[A-Za-z0-9]{30}_"),
    Token("mem0", "m0-[A-Za-z0-9]{36,}", "m0-[A-Za-z0-9]{4}", 4.0),
    Token("mercado-pago", "TEST-[0-9]{10,}-[0-9]{6}-[0-9a-f]{32}-[0-9]+", "TEST-[0-9]{4}"),
    Token(
        "mercury",
        "mercury_(?:production|sandbox)_[A-Za-z0-9_]{16,}",
        "mercury_(?:production|sandbox)_",
    ),
    Token("midtrans", "(?:SB-)?Mid-server-[A-Za-z0-9_-]{16,}", "Mid-server-"),
    Token("modal", r"a[ks]-[A-Za-z0-9]{22}\b", "a[ks]-[A-Za-z0-9]{12}", 4.0),
    Token("n8n", "n8n_api_[A-Za-z0-9]{30,}", "n8n_api_"),
    Token("nats", r"S[UAOCNXP][A-Z2-7]{56}\b", "S[UAOCNXP][A-Z2-7]{12}", 3.8),
    Token("netbird", "nbp_[A-Za-z0-9]{30,}", "nbp_[A-Za-z0-9]{4}", 3.5),
    Token(
        "ngrok",
        r"[12][A-Za-z0-9]{26}_[A-Za-z0-9]{18,24}\b",
        "[A-Za-z0-9]_[A-Za-z0-9]{18}",
        4.2,
    ),
    Token("nomic", "nk-[A-Za-z0-9_-]{40,}", "nk-[A-Za-z0-9_-]{4}", 4.3),
    Token("nostr", r"nsec1[a-z0-9]{58}\b", "nsec1[a-z0-9]{4}"),
    Token("okta", r"SSWS 00[A-Za-z0-9_-]{40}\b", "SSWS 00"),
    Token(
        "onfido",
        r"api_(?:live|sandbox)(?:_[a-z]{2})?\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{16,})?",
        r"api_(?:live|sandbox)[a-z_]{0,3}\.",
    ),
    Token("ory", "ory_(?:pat|at|rt|st|ac|wak|apikey)_[A-Za-z0-9._-]{20,}", "ory_[a-z]{2,6}_"),
    Token("packagist", "packagist_[a-z]{3}_[0-9a-f]{40,}", "packagist_[a-z]{3}_"),
    Token("paddle", "pdl_(?:live|sdbx|ntfset)_[A-Za-z0-9_+/]{20,}", "pdl_(?:live|sdbx|ntfset)_"),
    Token(
        "paseto",
        r"v[1-4]\.(?:local|public)\.[A-Za-z0-9_-]{40,}(?:\.[A-Za-z0-9_-]+)?",
        r"v[1-4]\.(?:local|public)\.",
    ),
    Token("paypal", "A21AA[A-Za-z0-9_-]{50,}", "A21AA"),
    Token(
        "persona",
        "persona_(?:production|sandbox)_[A-Za-z0-9-]{20,}",
        "persona_(?:production|sandbox)_",
    ),
    Token("pinterest", "pin[acr]_[A-Za-z0-9]{40,}", "pin[acr]_[A-Za-z0-9]{12}"),
    Token("promptlayer", r"pl_[0-9a-f]{32}\b", "pl_[0-9a-f]{4}"),
    Token("pubnub", "sec-c-[A-Za-z0-9-]{36,}", "sec-c-"),
    Token(
        "ramp", "ramp_(?:sec|tok|business_tok)_[A-Za-z0-9]{20,}", "ramp_(?:sec|tok|business_tok)_"
    ),
    Token("razorpay", "rzp_(?:live|test)_[A-Za-z0-9]{10,}", "rzp_(?:live|test)_"),
    Token("retool", r"retool_[0-9a-z]{20,}\b", "retool_[0-9a-z]{4}", 3.3),
    Token("riot", rf"RGAPI-{_UUID}", "RGAPI-"),
    Token(
        "roblox",
        r"_\|WARNING:-DO-NOT-SHARE-THIS[^|]{0,200}\|_[A-F0-9]{100,}",
        r"_\|WARNING:-DO-NOT-SHARE",
    ),
    Token("rootly", "rootly_[0-9a-f]{64}", "rootly_[0-9a-f]{4}"),
    Token("salesforce", "5Aep861[A-Za-z0-9._]{60,}", "5Aep861"),
    Token("salesforce", "3MVG9[A-Za-z0-9._]{60,}", "3MVG9"),
    Token("scaleway", r"SCW[A-Z0-9]{17}\b", "SCW[A-Z0-9]{4}", 3.0),
    Token("scrapfly", "scp-(?:live|test)-[0-9a-f]{32}", "scp-(?:live|test)-"),
    Token("segment", "sgp_[A-Za-z0-9]{60,}", "sgp_[A-Za-z0-9]{4}"),
    Token("shopify", "shp[a-z]{2,3}_[0-9a-zA-Z]{32,}", "shp[a-z]{2,3}_[0-9a-zA-Z]{12}"),
    Token("socket", "sktsec_[A-Za-z0-9_-]{30,}", "sktsec_"),
    Token("stytch", "secret-(?:live|test)-[A-Za-z0-9_-]{30,}=?", "secret-(?:live|test)-"),
    Token(
        "sumsub",
        r"(?:prd|sbx):[A-Za-z0-9]{20,28}\.[A-Za-z0-9]{28,36}\b",
        "(?:prd|sbx):[A-Za-z0-9]{4}",
    ),
    Token(
        "svix", r"(?:test)?sk_[A-Za-z0-9_-]{32}\.(?:us|eu|in|au|ca)\b", r"sk_[A-Za-z0-9_-]{32}\."
    ),
    Token(
        "teamcity",
        r"eyJ0eXAiOiAiVENWMiJ9\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        "eyJ0eXAiOiAiVENWMiJ9",
    ),
    Token("teamwork", r"tkn\.v1_[A-Za-z0-9+/_-]{40,}={0,2}", r"tkn\.v1_"),
    Token("telnyx", "KEY[0-9A-F]{32,33}_[A-Za-z0-9_-]{20,}", "KEY[0-9A-F]{4}"),
    Token("tiktok", r"act\.[A-Za-z0-9!._-]{50,}", r"act\.[A-Za-z0-9!_-]{12}", 4.0),
    Token("truenas", r"[0-9]{1,4}-[A-Za-z0-9]{64}\b", "[0-9]-[A-Za-z0-9]{24}", 4.5),
    Token("twitch", "live_[0-9]{6,12}_[A-Za-z0-9]{24,}", "live_[0-9]{6}"),
    Token("ubidots", "BBFF-[A-Za-z0-9]{24,}", "BBFF-"),
    Token(
        "unleash",
        r"(?:\*|[A-Za-z0-9_-]{1,40}):[A-Za-z0-9_*-]{1,40}\.[0-9a-f]{50,64}\b",
        r"\.[0-9a-f]{24}",
    ),
    Token("vanta", "vc[is]_[0-9a-f]{4,8}_[A-Za-z0-9]{20,}", "vc[is]_[0-9a-f]{4,8}_"),
    Token("voiceflow", r"VF\.(?:DM|WS)\.[0-9a-f]{24}\.[A-Za-z0-9]{12,}", r"VF\.(?:DM|WS)\."),
    Token("woocommerce", r"c[ks]_[0-9a-f]{40}\b", "c[ks]_[0-9a-f]{12}"),
    Token("xata", "xau_[A-Za-z0-9]{30,}", "xau_[A-Za-z0-9]{4}", 3.5),
    Token(
        "xendit",
        "xnd_(?:production|development|public)_[A-Za-z0-9_]{30,}",
        "xnd_(?:production|development|public)_",
    ),
    Token("bitcoin", "[xyz]prv[A-Za-z0-9]{100,}", "[xyz]prv[A-Za-z0-9]{4}", 4.0),
    Token("zhipu", r"[0-9a-f]{32}\.[A-Za-z0-9]{16}\b", r"[0-9a-f]{4}\.[A-Za-z0-9]{12}", 4.0),
    Token("cal-com", r"cal_(?:live_)?[0-9a-f]{32}\b", "cal_(?:live_)?[0-9a-f]{4}"),
    Token("brex", "bxt_[A-Za-z0-9]{30,}", "bxt_[A-Za-z0-9]{4}", 3.5),
    Token("builder-io", r"bpk-[0-9a-f]{32}\b", "bpk-[0-9a-f]{4}"),
    Token("sanity", r"sk[A-Za-z0-9]{80,}\b", "sk[A-Za-z0-9]{4}", 4.3),
    Token("langfuse", rf"pk-lf-{_UUID}", "pk-lf-"),
)

_HEX: Final = "[0-9a-f]"
_LOW: Final = "[a-z0-9]"
_URL: Final = "[a-z0-9=_-]"

NAMED: Final = (
    Named("adafruit", "adafruit", "[a-z0-9_-]{32}"),
    Named("adobe", "adobe", f"{_HEX}{{32}}"),
    Named("airtable", "airtable", f"{_LOW}{{17}}"),
    Named("algolia", "algolia", f"{_LOW}{{32}}"),
    Named("alibaba", "alibaba|aliyun", f"{_LOW}{{30}}"),
    Named("asana", "asana", f"{_LOW}{{32}}"),
    Named("atlassian", "atlassian|confluence|jira", f"{_LOW}{{20}}{_HEX}{{4}}"),
    Named("aws", r"aws|amazon|secret_?access_?key|secretkey", "[A-Za-z0-9/+]{40}"),
    Named("azure-devops", "azure|devops|ado|vsts", "[a-z2-7]{52}"),
    Named("beamer", "beamer", f"b_{_URL}{{44}}"),
    Named("bitbucket", "bitbucket", f"(?:{_URL}{{64}}|{_LOW}{{32}})"),
    Named("bittrex", "bittrex", f"{_LOW}{{32}}"),
    Named("meraki", "meraki", f"{_HEX}{{40}}"),
    Named("cloudflare", "cloudflare", f"(?:{_HEX}{{37}}|[a-z0-9_-]{{40}})"),
    Named("codecov", "codecov", f"(?:{_UUID}|{_LOW}{{32}})"),
    Named("cohere", "cohere|co_api_key", f"{_LOW}{{40}}"),
    Named("coinbase", "coinbase", "[a-z0-9_-]{64}"),
    Named("confluent", "confluent", f"(?:{_LOW}{{64}}|{_LOW}{{16}})"),
    Named("contentful", "contentful", f"{_URL}{{43}}"),
    Named("datadog", "datadog|dd_api|dd_app", f"(?:{_LOW}{{40}}|{_HEX}{{32}})"),
    Named("discord", "discord", f"(?:{_HEX}{{64}}|{_URL}{{32}})"),
    Named("drone", "droneci|drone", f"{_LOW}{{32}}"),
    Named(
        "dropbox", "dropbox", f"(?:sl\\.{_URL}{{135}}|{_LOW}{{11}}A{{10}}{_URL}{{43}}|{_LOW}{{15}})"
    ),
    Named("etsy", "etsy", f"{_LOW}{{24}}"),
    Named("facebook", "facebook", f"{_HEX}{{32}}"),
    Named("fastly", "fastly", f"{_URL}{{32}}"),
    Named("finicity", "finicity", f"(?:{_HEX}{{32}}|{_LOW}{{20}})"),
    Named("finnhub", "finnhub", f"{_LOW}{{20}}"),
    Named("flickr", "flickr", f"{_LOW}{{32}}"),
    Named("freshbooks", "freshbooks", f"{_LOW}{{64}}"),
    Named("gitter", "gitter", "[a-z0-9_-]{40}"),
    Named("gocardless", "gocardless", f"live_{_URL}{{40}}"),
    Named("heroku", "heroku", _UUID),
    Named("hubspot", "hubspot", _UUID),
    Named("intercom", "intercom", f"{_URL}{{60}}"),
    Named("jenkins", "jenkins", f"(?:11)?{_HEX}{{32}}"),
    Named("jfrog", "jfrog|artifactory|bintray|xray", f"(?:{_LOW}{{73}}|{_LOW}{{64}})"),
    Named("kraken", "kraken", "[a-z0-9/=_+-]{80,90}"),
    Named("kucoin", "kucoin", f"(?:{_UUID}|{_HEX}{{24}})"),
    Named("launchdarkly", "launchdarkly", f"{_URL}{{40}}"),
    Named("linear", "linear", f"{_HEX}{{32}}"),
    Named("linkedin", "linked[_-]?in", f"(?:{_LOW}{{16}}|{_LOW}{{14}})"),
    Named("lob", "lob", f"(?:(?:live|test)_{_HEX}{{35}}|(?:live|test)_pub_{_HEX}{{31}})"),
    Named("looker", "looker", f"(?:{_LOW}{{24}}|{_LOW}{{20}})"),
    Named("mailchimp", "mailchimp", f"{_HEX}{{32}}-us[0-9]{{1,2}}"),
    Named(
        "mailgun",
        "mailgun",
        "(?:key-[0-9a-f]{32}|pubkey-[0-9a-f]{32}|[a-h0-9]{32}-[a-h0-9]{8}-[a-h0-9]{8})",
    ),
    Named("mapbox", "mapbox", "[ps]k\\.[a-z0-9]{60}\\.[a-z0-9]{22}"),
    Named("mattermost", "mattermost", f"{_LOW}{{26}}"),
    Named("messagebird", "message[_-]?bird", f"(?:{_UUID}|{_LOW}{{25}})"),
    Named("mistral", "mistral", f"{_LOW}{{32}}"),
    Named("netlify", "netlify", f"{_URL}{{40,46}}"),
    Named(
        "new-relic",
        "new[_-]?relic",
        f"(?:{_LOW}{{64}}|nrjs-{_HEX}{{19}}|nrii-[a-z0-9-]{{32}}|nrak-{_LOW}{{27}})",
    ),
    Named("nytimes", "nytimes|new-york-times|newyorktimes", f"{_URL}{{32}}"),
    Named("okta", "okta", "00[a-z0-9=_-]{40}"),
    Named("pagerduty", "pagerduty|pager_duty", "[a-z0-9_+-]{20}"),
    Named("plaid", "plaid", f"(?:{_LOW}{{30}}|{_LOW}{{24}})"),
    Named("private-ai", "private[_-]?ai", f"{_LOW}{{32}}"),
    Named("rapidapi", "rapidapi", "[a-z0-9_-]{50}"),
    Named("rollbar", "rollbar", f"{_HEX}{{32}}"),
    Named("sendbird", "sendbird", f"(?:{_UUID}|{_HEX}{{40}})"),
    Named("sentry", "sentry", f"{_HEX}{{64}}"),
    Named("shodan", "shodan", f"{_LOW}{{32}}"),
    Named("sidekiq", "bundle_(?:enterprise|gems)__contribsys__com", f"{_HEX}{{8}}:{_HEX}{{8}}"),
    Named("snyk", "snyk", _UUID),
    Named("sonar", "sonar", f"(?:(?:squ_|sqp_|sqa_)?{_URL}{{40}})"),
    Named("splunk", "splunk", _UUID),
    Named("sourcegraph", "sourcegraph", f"{_HEX}{{40}}"),
    Named("squarespace", "squarespace", _UUID),
    Named("sumo-logic", "sumo", f"(?:{_LOW}{{64}}|su{_LOW}{{12}})"),
    Named("telegram", "telegr", "[0-9]{5,16}:a[a-z0-9_-]{34}"),
    Named("travis", "travis", f"{_LOW}{{22}}"),
    Named("trello", "trello", f"(?:{_HEX}{{64}}|{_HEX}{{32}})"),
    Named("twilio", "twilio", f"{_HEX}{{32}}"),
    Named("twitch", "twitch", f"{_LOW}{{30}}"),
    Named(
        "twitter",
        "twitter",
        (
            f"(?:[0-9]{{15,25}}-[a-z0-9]{{20,40}}|a{{22}}[a-z0-9%]{{80,100}}|{_LOW}{{50}}"
            f"|{_LOW}{{45}}|{_LOW}{{25}})"
        ),
    ),
    Named("yandex", "yandex", "(?:YC[a-z0-9_-]{38}|AQVN[a-z0-9_-]{35,38})"),
    Named("weights-and-biases", "wandb", f"{_HEX}{{40}}"),
    Named("zendesk", "zendesk", f"{_LOW}{{40}}"),
)
