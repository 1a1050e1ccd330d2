"""Officers' terms stand in one file: the pages use what is there and nothing else, and no Chinese grows elsewhere."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEB = ROOT / "gateway" / "console" / "web"
GLOSSARY = ROOT / "gateway" / "model" / "glossary.def"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TERM = re.compile(r'(?m)^TERM\(\s*(\w+),\s*"((?:\\.|[^"\\])*)",\s*"((?:\\.|[^"\\])*)"\s*\)')
# String literals with Chinese that C may hold besides the glossary and the operators' events: how many a file.
# Programs' refusals and the tools (gateway/app, gateway/console, gateway/control, gateway/handling, gateway/hq, gateway/hqctl)
# carry both languages where they are made and are not counted.
ALLOWED_C = {
    "gateway/model/plate_symbols.c": 56,  # the characters of plates
    "gateway/model/plate_forms.c": 13,  # the same
    "gateway/model/wanted.h": 1,  # the self-test's plate
    "gateway/model/hit_words.c": 5,  # how a read differs, filled in by printf
    "gateway/pipeline/fact_standing.c": 9,  # headquarters' word, filled in likewise
    "gateway/pipeline/verdict.c": 3,  # the same of an earlier check
    "gateway/signed/exempt_list.c": 7,
    "gateway/signed/instruction_task.c": 3,  # verdicts
    "drivers/led_display/messages.c": 5,  # what a sign shows to drivers
    "drivers/led_display/profile.c": 1,
    "drivers/modbus_io/identify.c": 1,
    "drivers/template/template_io.c": 1,
    "rules/examples.c": 2,
    "rules/load.c": 1,
}
REFUSALS = {"gateway/lane/lane_text.c"}  # the same: why a lane refuses
COUNTED = ("gateway/model", "gateway/lane", "gateway/pipeline", "gateway/signed", "gateway/match",
           "gateway/evidence", "gateway/wanted", "gateway/uplink", "drivers", "rules")
# Groups asked for only where a term is there: has(…) before t(…).
GUARDED = {"refused_", "report_"}
# What of the pages holds Chinese itself.
ALLOWED_JS = {"js/plate.js", "js/plate-keys.js"}  # the characters of plates


def terms():
    return {code: (zh, en) for code, zh, en in TERM.findall(GLOSSARY.read_text(encoding="utf-8"))}


def scripts():
    return {str(path.relative_to(WEB)): path.read_text(encoding="utf-8") for path in sorted(WEB.rglob("*.js"))}


def without_comments(text):
    return re.sub(r"/\*.*?\*/|(?<![:'\"`])//[^\n]*", "", text, flags=re.S)


def codes_asked_for(text):
    """Codes in t('…') and has('…'), also where one of two is chosen: t(a ? 'x' : 'y')."""
    found = set(re.findall(r"'(ui_\w+)'", text))
    for call in re.findall(r"\b(?:t|has)\(([^()]*)", text):
        found.update(code for code in re.findall(r"'(\w+_\w+)'", call))
    return found


def groups_asked_for(text):
    """Prefixes of codes that are put together: t(`ui_page_${name}`), of('stage', x)."""
    return set(re.findall(r"`(\w+_)\$\{", text)) | {f"{group}_" for group in re.findall(r"\bof\('(\w+)'", text)}


def test_every_term_is_read():
    """A line the pattern does not take would be a term nobody checks."""
    lines = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("TERM(")]
    assert len(lines) == len(terms()) > 200


def test_terms_are_in_both_languages():
    wrong = {code: pair for code, pair in terms().items()
             if not all(pair) or (CHINESE.search(pair[1]) and code != "ui_language")
             or sorted(re.findall(r"\{\w+\}", pair[0])) != sorted(re.findall(r"\{\w+\}", pair[1]))}
    assert wrong == {}


def test_the_pages_use_only_terms_there_are():
    known = terms()
    missing = {name: sorted(codes - known.keys()) for name, text in scripts().items()
               if (codes := codes_asked_for(without_comments(text))) - known.keys()}
    assert missing == {}
    groups = set().union(*(groups_asked_for(without_comments(text)) for text in scripts().values()))
    assert {group for group in groups if not any(code.startswith(group) for code in known)} <= GUARDED


def test_no_term_of_the_pages_is_unused():
    text = "\n".join(without_comments(one) for one in scripts().values())
    groups = tuple(groups_asked_for(text))
    unused = [code for code in terms() if code.startswith("ui_") and not code.startswith(groups)
              and not re.search(rf"\b{code}\b", text)]
    assert unused == []


def test_no_chinese_in_scripts():
    found = [f"{name}: {line.strip()}" for name, text in scripts().items() if name not in ALLOWED_JS
             for line in without_comments(text).splitlines() if CHINESE.search(line)]
    assert found == []


def test_no_chinese_grows_in_c():
    counts = {}
    for folder in COUNTED:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            text = without_comments(path.read_text(encoding="utf-8"))
            count = sum(1 for one in re.findall(r'"(?:\\.|[^"\\\n])*"', text) if CHINESE.search(one))
            if count and str(path.relative_to(ROOT)) not in REFUSALS:
                counts[str(path.relative_to(ROOT))] = count
    assert {name: count for name, count in counts.items() if count > ALLOWED_C.get(name, 0)} == {}


def test_phrases_of_alarms_are_the_programs_own():
    """The pages put them in words by their English; one that a program says otherwise would stay English."""
    said = "\n".join(re.sub(r'%"\s*PRI\w+\s*"?', "%u", path.read_text(encoding="utf-8")) for path in sorted((ROOT / "gateway").rglob("*.c")))
    phrases = re.findall(r"\[/\^(.+?)\$/, 'detail_", scripts()["js/alarm-words.js"])
    assert len(phrases) >= 9
    missing = []
    for phrase in phrases:
        words = re.sub(r"\(\?<\w+>\\d\+\)", "\x00", phrase)
        shape = r"%\w+".join(re.escape(part) for part in words.removesuffix(" not verified").split("\x00"))
        if not re.search(rf'(?:"|[;,:] |%s){shape}', said):
            missing.append(phrase)
    assert missing == []
    assert '" not verified"' in said
