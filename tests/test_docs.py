"""The pages say what is: links lead somewhere, commands and flags exist, metrics and settings are the real ones."""

import re
import subprocess
from pathlib import Path

import pytest
import requests

from harness.server import REPOSITORY, binary, clean_environment

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{page.name} links to {target}"
        assert not linked.is_dir() or any(linked.iterdir()), f"{page.name} links to {target}, which is empty"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_files_named_in_pages_exist(page):
    """Paths of the repository in backticks."""
    for named in re.findall(r"`((?:crates|docs|tests|vectors|scripts)/[\w./-]+)(?:::\w+)?`", page.read_text()):
        assert (REPOSITORY / named).exists(), f"{page.name} names {named}"


def test_the_two_commands_of_the_readme(tmp_path):
    readme = (REPOSITORY / "README.md").read_text()
    assert "cargo run --release -- server --data ./data" in readme
    assert "bash scripts/test" in readme
    assert "bash scripts/test" in (REPOSITORY / ".ci/run").read_text(), "CI runs what the README says"


def documented_commands():
    lines = set()
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            lines |= {line.strip() for line in block.splitlines() if line.strip().startswith("strongroom ")}
    return sorted(lines)


def test_subcommands_and_flags_in_pages_exist():
    commands = documented_commands()
    assert len(commands) >= 5
    for line in commands:
        words = line.split()[1:]
        sub = []
        for word in words:
            if not re.fullmatch("[a-z]+(-[a-z]+)*", word):
                break
            sub.append(word)
        help_ = subprocess.run([binary(), *sub, "--help"], capture_output=True, text=True, env=clean_environment())
        assert help_.returncode == 0, line
        for flag in re.findall(r"(--[a-z-]+)", line):
            assert flag in help_.stdout, f"{line}: no {flag}"


def test_flags_and_variables_named_in_the_operations_page_exist():
    page = (REPOSITORY / "docs/operations.md").read_text()
    named = ["server", "kms key create", "kms root rewrap", "kms backup", "kms restore", "verify-at-rest", "audit search", "kms impact", "rewrap start"]
    helps = [subprocess.run([binary(), *of.split(), "--help"], capture_output=True, text=True).stdout for of in named]
    for flag in set(re.findall(r"`(--[a-z0-9-]+)", page)) - {"--release"}:
        assert any(flag in help_ for help_ in helps), flag
    for variable in set(re.findall(r"`(STRONGROOM_[A-Z_]+)`", page)):
        source = "".join(p.read_text() for p in Path(REPOSITORY / "crates/server/src").rglob("*.rs"))
        assert variable in source, variable


def test_every_setting_about_access_is_in_the_operations_page():
    page = (REPOSITORY / "docs/operations.md").read_text()
    table = (REPOSITORY / "crates/server/src/config/table.rs").read_text()
    for flag, default in re.findall(
        r'"(object-ownership|block-public-access|accept-v2-for-kms|any-v4-region|obs-unsigned-subresources)",\s+'
        r'"STRONGROOM_\w+",\s+"[^"]+",\s+Some\("([^"]+)"\)',
        table,
    ):
        assert re.search(rf"^\| `--{flag}` \| `{default}` \|", page, re.MULTILINE), flag
    assert "`--trusted-proxies`" in page


def test_metrics_of_the_operations_page_are_served(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    served = requests.get(f"{server.control()}/metrics", timeout=10).text
    page = (REPOSITORY / "docs/operations.md").read_text()
    named = re.findall(r"`(strongroom_\w+)(?:\{([\w,]+)\})?`", page)
    assert len(named) >= 6
    for name, labels in named:
        assert re.search(rf"^# TYPE {re.sub('_total$', '', name)} ", served, re.MULTILINE), name
        for label in filter(None, labels.split(",")):
            assert re.search(rf"^{name}\w*\{{[^}}]*{label}=", served, re.MULTILINE), f"{name}: {label}"
