"""Names and street addresses: an optional recogniser, by the words that stand around them. guard.toml: `names = true`.

It knows no language and no list of people: it finds a Chinese name before a title or behind a word that announces one,
an English name behind a title or such a word, and addresses that end in a street and a number. A name that stands alone
in a sentence it does not find. What it reaches, and what it takes for a name: `python -m benchmarks.guard.names`.
"""
# ruff: noqa: E501  # a pattern reads better whole

from __future__ import annotations

import re
from collections.abc import Iterator

from isthmus.policy.numbers import Detail

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪"
    "范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
    "張劉陳楊黃趙吳孫馬許鄭謝韓馮鄧蕭葉蔣蘇呂盧鍾譚陸賈韋鄒龔錢嚴湯"
)
_DOUBLE = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|歐陽|司馬|諸葛"
_FAMILY = f"(?:{_DOUBLE}|[{_SURNAMES}])"
_HAN = "\u4e00-\u9fff"
_TITLE = "先生|女士|小姐|太太|同学|老师|医生|大夫|律师|经理|主任|师傅|教授|总监|老師|醫生|律師"
_ANNOUNCED = "姓名|名字(?:是|叫)|联系人|收件人|收货人|申请人|患者|户主|法定代表人|法人|持卡人|投保人|被保险人|负责人|我叫|名叫|聯絡人"
_END = f"(?![{_HAN}])|(?=(?:先生|女士|小姐|今年|住在|住|的|，|。|电话|手机|身份证|是|在|于|和|与))"
_WORD = "[A-Z][a-z]+(?:[-'][A-Z]?[a-z]+)?"
_STREETS = (
    "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Square|Sq|Way|Place|Pl|Terrace|Crescent|Close|"
    "Highway|Parkway"
)
_UNIT = "栋|幢|座|单元|楼|层|室|号|樓|層|號"

SHAPES = (
    ("name", "NAME", re.compile(f"{_FAMILY}[{_HAN}]{{0,2}}?(?=(?:{_TITLE}))")),
    ("name", "NAME", re.compile(f"(?<=[:：为是叫者人主名 ])(?<!不是){_FAMILY}[{_HAN}]{{1,2}}?(?:{_END})")),
    ("name", "NAME", re.compile(rf"(?:(?<=\bMr )|(?<=\bMr\. )|(?<=\bMrs )|(?<=\bMrs\. )|(?<=\bMs )|(?<=\bMs\. )|(?<=\bDr )"
                                rf"|(?<=\bDr\. )|(?<=\bMiss )|(?<=\bProfessor )){_WORD}(?: (?:[A-Z]\.|{_WORD})){{0,2}}")),
    ("name", "NAME", re.compile(rf"(?:(?<=[Nn]ame is )|(?<=[Nn]ame: )|(?<=[Cc]ontact: )|(?<=[Pp]atient: )|(?<=[Dd]ear )"
                                rf"|(?<=[Rr]egards, )|(?<=[Ss]incerely, )|(?<=called )|(?<=[Ss]igned: )){_WORD}(?: (?:[A-Z]\.|{_WORD})){{0,2}}")),
    ("address", "ADDR", re.compile(
        f"(?:[{_HAN}]{{2,7}}(?:省|自治区))?(?:[{_HAN}]{{2,6}}[市州盟])?[{_HAN}]{{1,5}}[区县旗镇乡區縣鎮鄉]"
        f"[{_HAN}0-9]{{1,12}}?(?:路|街|道|巷|弄|胡同|村)[{_HAN}]{{0,2}}?[0-9一二三四五六七八九十百]{{1,5}}[号號]"
        f"(?:[0-9A-Za-z一二三四五六七八九十]{{1,4}}(?:{_UNIT}))*")),
    ("address", "ADDR", re.compile(
        f"(?<![0-9A-Za-z])[0-9]{{1,5}}[A-Za-z]? (?:(?:{_WORD}|[NSEW]\\.?|[0-9]{{1,3}}(?:st|nd|rd|th)) ){{1,4}}(?:{_STREETS})"
        r"(?![A-Za-z])\.?(?:,? (?:Apt|Apartment|Suite|Unit|Flat|No)\.? ?#?[0-9A-Za-z]{1,5})?")),
)  # fmt: skip
_BEFORE = re.compile(f"(?:{_ANNOUNCED})[:：为是 ]{{0,2}}\\Z")
_LOOK = 8  # characters before a Chinese name in which the word must stand that announces it


def names(text: str) -> Iterator[Detail]:
    """Names and addresses of `text`, in no order; they may overlap."""
    for place, (kind, code, shape) in enumerate(SHAPES):
        for match in shape.finditer(text):
            start, end = match.span()
            if place != 1 or _BEFORE.search(text, max(0, start - _LOOK), start):
                yield Detail(kind, code, start, end)
