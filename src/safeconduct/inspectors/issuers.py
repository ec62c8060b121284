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

TOKENS: Final = (
    Token("anthropic", r"sk-ant-[A-Za-z0-9_-]{20,}", "sk-ant-"),
    Token("openrouter", r"sk-or-(?:v\d-)?[A-Za-z0-9_-]{32,}", "sk-or-"),
    Token("langfuse", rf"sk-lf-{_UUID}", "sk-lf-"),
    Token(
        "openai", r"sk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,}", "sk-[A-Za-z0-9_-]{8}"
    ),
    Token(
        "aws",
        r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}\b",
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
        r"(?:gl(?:pat|dt|ft|imt|agent|oas|soat|ffct|rtr|wt)-[A-Za-z0-9_-]{20,}(?:\."
        r"[0-9a-z]{2}[0-9a-z]{7})?"
        r"|glrt-(?:t\d_)?[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{9})?|glptt-[0-9a-f]{40}"
        r"|glcbt-[A-Za-z0-9]{1,5}_[A-Za-z0-9_-]{20,}|GR1348941[A-Za-z0-9_-]{20,})",
        "gl(?:pat|dt|ft|imt|agent|oas|soat|ffct|rtr|wt|rt|ptt|cbt)-|GR1348941",
    ),
    Token("gitlab", r"_gitlab_session=[0-9a-z]{32}", "_gitlab_session="),
    Token("slack", r"xox[abeoprs]-[A-Za-z0-9-]{10,}", "xox[abeoprs]-"),
    Token("slack", r"xoxe\.xox[bp]-\d-[A-Za-z0-9]{100,}", r"xoxe\."),
    Token("slack", r"(?i:xapp)-\d-[A-Za-z0-9]+-\d+-[A-Za-z0-9]{6,}", "(?i:xapp)-[0-9]"),
    Token(
        "slack",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{30,}",
        r"hooks\.slack\.com/",
    ),
    Token(
        "stripe",
        r"(?:[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{24,})",
        "[rs]k_(?:live|test|prod)_|whsec_",
    ),
    Token("google", r"AIza[A-Za-z0-9_-]{35,}", "AIza"),
    Token("google", r"GOCSPX-[A-Za-z0-9_-]{24,}", "GOCSPX-"),
    Token("google", r"ya29\.[A-Za-z0-9_-]{30,}", r"ya29\."),
    Token("google", r"1//0[A-Za-z0-9_-]{38,}", "1//0", 3.5),
    Token("1password", r"ops_eyJ[A-Za-z0-9+/_-]{100,}={0,3}", "ops_eyJ"),
    Token(
        "1password",
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b",
        "A3-[A-Z0-9]{6}-",
    ),
    Token("ably", r"[\w-]{6}\.[\w-]{6}:[\w-]{43}\b", r"\.[\w-]{6}:[\w-]{4}", 4.0),
    Token("adobe", r"p8e-[A-Za-z0-9]{32}", "p8e-"),
    Token("age", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", "AGE-SECRET-KEY-1"),
    Token("airtable", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", r"pat[A-Za-z0-9]{14}\."),
    Token("alibaba", r"LTAI[A-Za-z0-9]{12,24}\b", "LTAI[A-Za-z0-9]", 2.0),
    Token("apify", r"apify_(?:api|proxy)_[A-Za-z0-9]{34,}", "apify_(?:api|proxy)_"),
    Token("artifactory", r"AKCp[A-Za-z0-9]{69,}", "AKCp", 4.0),
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
        r"(?i:AccountKey|SharedAccessKey)\s*=\s*([A-Za-z0-9+/]{43,86}={1,2})",
        "(?i:AccountKey|SharedAccessKey)",
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
    Token("buildkite", r"bk(?:ua|aj|ct|pt)_[0-9a-f]{40}", "bk(?:ua|aj|ct|pt)_[0-9a-f]"),
    Token("cerebras", r"csk-[a-z0-9]{40,}", "csk-"),
    Token("circleci", r"CCIP(?:AT|RJ)_[A-Za-z0-9]{20,}_[0-9a-f]{40}", "CCIP(?:AT|RJ)_"),
    Token("clickhouse", r"4b1d[A-Za-z0-9]{38}\b", "4b1d[A-Za-z0-9]{12}", 3.0),
    Token("clickup", r"pk_[0-9]{6,9}_[A-Z0-9]{32}\b", "pk_[0-9]{6}"),
    Token("clojars", r"(?i:CLOJARS)_[A-Za-z0-9]{60}", "(?i:CLOJARS)_"),
    Token("cloudflare", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}", r"v1\.0-[0-9a-f]"),
    Token("contentful", r"CFPAT-[A-Za-z0-9_-]{43}", "CFPAT-"),
    Token("crates-io", r"cio[A-Za-z0-9]{32}\b", "cio[A-Za-z0-9]{12}", 4.0),
    Token(
        "databricks",
        r"d(?:api|kea|ose|srt)[0-9a-f]{32}(?:-\d)?\b",
        "d(?:api|kea|ose|srt)[0-9a-f]{8}",
    ),
    Token("defined-networking", r"dnkey-[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}", "dnkey-"),
    Token("deno", r"dd[pow]_[A-Za-z0-9]{36,}", "dd[pow]_[A-Za-z0-9]{8}"),
    Token("digitalocean", r"do[opr]_v1_[0-9a-fA-F]{64}", "do[opr]_v1_"),
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
    Token("docker", r"dckr_[po]at_[A-Za-z0-9_-]{27,}", "dckr_[po]at_"),
    Token(
        "doppler",
        r"dp\.(?:pt|st|ct|sa|said|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
        r"dp\.(?:pt|st|ct|sa|said|scim|audit)\.",
    ),
    Token("dropbox", r"sl\.(?:u\.)?[A-Za-z0-9_=-]{120,}", r"sl\.[A-Za-z0-9_=-]", 4.0),
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
    Token("figma", r"fig[dour]_[A-Za-z0-9_-]{38,}", "fig[dour]_"),
    Token("fireworks", r"fw_[A-Za-z0-9]{22,}\b", "fw_[A-Za-z0-9]{12}", 3.5),
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
    Token("groq", r"gsk_[A-Za-z0-9]{40,}", "gsk_[A-Za-z0-9]"),
    Token(
        "harness",
        r"[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}\b",
        r"[ps]at\.[A-Za-z0-9_-]{22}\.",
    ),
    Token("hashicorp", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", r"\.atlasv1\."),
    Token("vault", r"hv[bsr]\.[A-Za-z0-9_-]{24,}", r"hv[bsr]\.[A-Za-z0-9_-]{8}"),
    Token("vault", r"s\.[A-Za-z0-9]{24}\b", r"s\.[A-Za-z0-9]{24}", 3.5),
    Token("heroku", r"HRKU-[A-Za-z0-9_-]{36,}", "HRKU-"),
    Token("hubspot", rf"pat-(?:na|eu)\d-{_UUID}", r"pat-(?:na|eu)\d-"),
    Token("hugging-face", r"(?:hf_|api_org_)[A-Za-z0-9]{34,}", "(?:hf_|api_org_)[A-Za-z0-9]{8}"),
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
        r"[a-z0-9-]+\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{60,}",
        r"webhook\.office\.com/",
    ),
    Token("mollie", r"(?:live|test)_[A-Za-z0-9]{30}\b", "(?:live|test)_[A-Za-z0-9]{12}", 3.8),
    Token("mongodb", r"mdb_sa_sk_[A-Za-z0-9_-]{30,}", "mdb_sa_sk_"),
    Token("neon", r"napi_[a-z0-9]{40,}", "napi_[a-z0-9]{8}"),
    Token("netlify", r"nf[pcoub]_[A-Za-z0-9]{36,}", "nf[pcoub]_[A-Za-z0-9]{8}"),
    Token(
        "new-relic",
        (
            r"(?:NRAK-[A-Za-z0-9]{27}|NR(?:JS|II|RA|IQ|BR|SP|AA)-[A-Za-z0-9-]{19,}|"
            r"[0-9a-f]{36,40}NRAL)"
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
    Token("nvidia", r"nvapi-[A-Za-z0-9_-]{60,}", "nvapi-"),
    Token("nylas", r"nyk_v0_[A-Za-z0-9]{40,}", "nyk_v0_"),
    Token("octopus-deploy", r"API-[A-Z0-9]{25,32}\b", "API-[A-Z0-9]{12}", 3.0),
    Token("onesignal", r"os_v2_(?:app|org)_[a-z0-9]{60,}", "os_v2_"),
    Token("openshift", r"sha256~[A-Za-z0-9_-]{43}", "sha256~"),
    Token("open-vsx", rf"ovsxat_{_UUID}", "ovsxat_"),
    Token("perplexity", r"pplx-[A-Za-z0-9]{40,}", "pplx-"),
    Token("pinecone", r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{50,}", "pcsk_"),
    Token(
        "plaid",
        rf"access-(?:sandbox|development|production)-{_UUID}",
        "access-(?:sandbox|development|production)-",
    ),
    Token("planetscale", r"pscale_(?:tkn|oauth|pw|tokid)_[A-Za-z0-9=._-]{32,64}", "pscale_"),
    Token("polar", r"polar_(?:oat|pat|whs)_[A-Za-z0-9_-]{30,}", "polar_(?:oat|pat|whs)_"),
    Token("posthog", r"ph[xr]_[A-Za-z0-9]{40,}", "ph[xr]_[A-Za-z0-9]{8}"),
    Token("postman", r"PMA[KT]-[A-Za-z0-9]{20,26}(?:-[0-9a-fA-F]{34})?", "PMA[KT]-"),
    Token("prefect", r"pn[ub]_[A-Za-z0-9]{36}", "pn[ub]_[A-Za-z0-9]{8}"),
    Token("pulumi", r"pul-[0-9a-f]{40}\b", "pul-[0-9a-f]{8}"),
    Token("pypi", r"pypi-AgE[A-Za-z0-9_-]{50,}", "pypi-AgE"),
    Token("readme", r"rdme_[a-z0-9]{60,}", "rdme_"),
    Token("render", r"rnd_[A-Za-z0-9]{28,}\b", "rnd_[A-Za-z0-9]{12}", 3.5),
    Token("replicate", r"r8_[A-Za-z0-9]{37}\b", "r8_[A-Za-z0-9]{12}"),
    Token(
        "resend", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}\b", "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20}", 3.5
    ),
    Token("rubygems", r"rubygems_[0-9a-f]{48}", "rubygems_"),
    Token("runpod", r"rpa_[A-Z0-9]{40,}[A-Za-z0-9]*\b", "rpa_[A-Z0-9]{8}"),
    Token("salesforce", r"00D[A-Za-z0-9]{12,15}![A-Za-z0-9_.]{80,}", "00D[A-Za-z0-9]{12,15}!"),
    Token("scalingo", r"tk-us-[A-Za-z0-9_-]{48}", "tk-us-"),
    Token("sendgrid", r"SG\.[A-Za-z0-9_=.-]{59,69}[A-Za-z0-9_=-]", r"SG\.[A-Za-z0-9_=.-]{8}", 3.0),
    Token("sentry", r"sntry[asu]_[A-Za-z0-9+/=_-]{40,}", "sntry[asu]_"),
    Token("settlemint", r"sm_[aps]at_[A-Za-z0-9]{16,}", "sm_[aps]at_"),
    Token("shippo", r"shippo_(?:live|test)_[0-9a-fA-F]{40}", "shippo_(?:live|test)_"),
    Token("shopify", r"shp(?:at|ca|pa|ss|tka|ua)_[0-9a-fA-F]{32}", "shp(?:at|ca|pa|ss|tka|ua)_"),
    Token("snyk", r"snyk_(?:uat|sat)\.[A-Za-z0-9_.-]{30,}", r"snyk_(?:uat|sat)\."),
    Token("sonar", r"sq[upa]_[0-9a-f]{40}\b", "sq[upa]_[0-9a-f]{8}"),
    Token("sourcegraph", r"sg[pd]_(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}\b", "sg[pd]_"),
    Token("square", r"sq0[a-z]{3}-[A-Za-z0-9_-]{22,60}", "sq0[a-z]{3}-"),
    Token("square", r"EAAA[A-Za-z0-9_-]{22,60}\b", "EAAA[A-Za-z0-9_-]{12}", 4.0),
    Token("statsig", r"secret-[A-Za-z0-9]{40,46}\b", "secret-[A-Za-z0-9]{12}", 3.5),
    Token(
        "supabase",
        r"(?:sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,})",
        "sbp_[0-9a-f]{8}|sb_secret_",
    ),
    Token("tailscale", r"tskey-[a-z]{3,10}-[A-Za-z0-9]{8,}-[A-Za-z0-9]{20,}", "tskey-"),
    Token("tavily", r"tvly-(?:dev-|prod-)?[A-Za-z0-9_-]{28,}", "tvly-"),
    Token("telegram", r"[0-9]{5,16}:A[A-Za-z0-9_-]{34}\b", "[0-9]{3}:A[A-Za-z0-9_-]{8}", 3.5),
    Token("tencent", r"AKID[A-Za-z0-9]{32}\b", "AKID[A-Za-z0-9]{8}", 3.5),
    Token("together", r"tgp_v1_[A-Za-z0-9_-]{40,}", "tgp_v1_"),
    Token("twilio", r"SK[0-9a-fA-F]{32}\b", "SK[0-9a-fA-F]{8}", 3.0),
    Token("twitter", r"A{20,22}[A-Za-z0-9%]{60,100}\b", "A{20}", 2.5),
    Token("typeform", r"tfp_[A-Za-z0-9_.=-]{40,}", "tfp_"),
    Token(
        "vercel",
        r"(?:vercel_blob_rw_[A-Za-z0-9_]{30,}|vc[aiprk]_[A-Za-z0-9]{50,})",
        "vercel_blob_rw_|vc[aiprk]_[A-Za-z0-9]{8}",
    ),
    Token("voyage", r"pa-[A-Za-z0-9_-]{43}\b", "pa-[A-Za-z0-9_-]{16}", 4.5),
    Token("weights-and-biases", r"wandb_v1_[A-Za-z0-9_]{60,}", "wandb_v1_"),
    Token(
        "wireguard",
        r"(?i:PrivateKey|PresharedKey)\s*=\s*([A-Za-z0-9+/]{43}=)",
        "(?i:PrivateKey|PresharedKey)",
    ),
    Token("xai", r"xai-[A-Za-z0-9]{60,}", "xai-[A-Za-z0-9]{8}"),
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
    Token("zapier", r"hooks\.zapier\.com/hooks/catch/[0-9]+/[a-z0-9]{5,}", r"hooks\.zapier\.com/"),
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
