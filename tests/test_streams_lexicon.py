"""Words that mean the same are folded into one; cues tell the state of a thing."""

from pathlib import Path

import pytest

from streams.lexicon import FILE, LexiconError, lexicon, read_lexicon, terms
from streams.splitting import parts, pieces


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("主扇没有备用", "主要通风机无备用"),
        ("ＣＨ４超标", "甲烷超限"),
        ("甲完探头坏了", "瓦斯传感器失灵"),
        ("人也没撤", "未撤离人员"),
        ("瓦检员漏检", "瓦斯检查工漏检"),
        ("没装反向风门", "未设置防逆风门"),
        ("塔吊限位失灵", "塔式起重机限制器失效"),
        ("受限空间没办动火证", "有限空间未办理动火作业票"),
        ("無防護", "无防護"),
    ],
)
def test_two_ways_of_saying_it(one: str, other: str) -> None:
    assert lexicon().fold(one).text == lexicon().fold(other).text


def test_a_word_inside_a_longer_one_stays() -> None:
    assert lexicon().fold("无轨胶轮车").text == "无轨胶轮车"
    assert lexicon().fold("co2浓度").text == "二氧化碳浓度"
    assert lexicon().fold("scope").text == "scope"


def test_folding_twice_changes_nothing_of_the_terms() -> None:
    folded = lexicon().fold("局扇停了，迎头瓦斯1.2%，煤机照样割")
    assert set(terms(lexicon().fold(folded.text))) == set(terms(folded))


@pytest.mark.parametrize(
    ("text", "cue", "there"),
    [
        ("已停产撤人", "cured", True),
        ("未撤人", "cured", False),
        ("不满足要求", "fine", False),
        ("无考核合格证", "fine", False),
        ("试验正常", "fine", True),
        ("正常割煤", "fine", False),
        ("许可证没变更", "fine", False),
        ("未按措施施工", "fine", False),
        ("瓦斯超限，多少看不清", "doubt", True),
        ("风筒破损", "defect", True),
        ("灭火器过期", "general", True),
        ("煤机还在割煤", "working", True),
    ],
)
def test_cues(text: str, cue: str, there: bool) -> None:
    assert bool(lexicon().cues[cue].search(lexicon().fold(text).text)) is there


def test_a_word_with_two_canonical_forms_is_refused(tmp_path: Path) -> None:
    text = FILE.read_text("utf-8").replace("synonyms:\n", "synonyms:\n  电梯: [主扇]\n", 1)
    (tmp_path / "lexicon.yaml").write_text(text, "utf-8")
    with pytest.raises(LexiconError, match="主扇"):
        read_lexicon(tmp_path / "lexicon.yaml")


def test_a_broken_pattern_is_refused_by_name(tmp_path: Path) -> None:
    text = FILE.read_text("utf-8").replace("  doubt:\n", "  doubt:\n    - '(未'\n", 1)
    (tmp_path / "lexicon.yaml").write_text(text, "utf-8")
    with pytest.raises(LexiconError, match=r"cues\.doubt"):
        read_lexicon(tmp_path / "lexicon.yaml")


@pytest.mark.parametrize(
    ("line", "issues"),
    [
        ("检查发现:开关失爆一台;照明不亮;牌板缺失", ("开关失爆一台", "照明不亮", "牌板缺失")),
        ("1#护栏锈蚀;2#反应釜漏", ("1#护栏锈蚀", "2#反应釜漏")),
        ("1.灭火器过期 2.瓦斯1.5%超限", ("灭火器过期", "瓦斯1.5%超限")),
        ("①没戴帽②空顶作业", ("没戴帽", "空顶作业")),
        ("一、传感器被包;二、瓦斯1.3%", ("传感器被包", "瓦斯1.3%")),
        ("体积0.9m3、浓度2.2%", ("体积0.9m3、浓度2.2%",)),
        ("低瓦斯矿。探头33天没标校", ("低瓦斯矿。探头33天没标校",)),  # one issue, of a kind of mine
        ("高瓦斯矿井;灭火器过期;探头没标校", ("高瓦斯矿井，灭火器过期", "高瓦斯矿井，探头没标校")),
    ],
)
def test_a_line_is_cut_at_its_signs(line: str, issues: tuple[str, ...]) -> None:
    assert parts(line) == issues


def test_pieces_between_commas() -> None:
    assert pieces("焊工没证,动火没办票") == ("焊工没证", "动火没办票") and pieces("焊工没证") == ()
