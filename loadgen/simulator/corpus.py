"""The text that the simulator says, cut into tokens as a language model cuts it."""

from __future__ import annotations

import re
from typing import Final

_TEXT: Final = """\
A server that streams answers sends each word as soon as it knows it. The reader sees the first one \
after a moment, and then the rest at the pace of the machine: steady, or in bursts, or with a pause \
where nobody expected one. "How fast is it?" asks the user; "It depends," says the engineer, "on \
what you count."

流式服务器一边思考一边回答：第一个词很快出现，其余的词随后而来。有人问：“它有多快？”工程师说：这要看你数什么。时间、内存、线程，都要一起看。

Numbers first: 3 × 10⁸ m/s, 22.5 °C, €49.90, −7 %, ½ cup, π ≈ 3.14159. Then a path: \
C:\\Users\\me\\notes.txt, a tab\there, and a quoted \\"escape\\".

```python
for line in response:
    print(line["text"], end="\\n")  # {"done": false}
```

Emoji come alone 🙂, in rows 🚀🔥✅, with a skin tone 👍🏽, as a flag 🇯🇵 and as families \
👩‍👩‍👧‍👦 or trades 👩🏾‍💻 🧑‍🚀 held together by joiners; a heart ❤️ needs a selector. Letters \
carry marks of their own: cafe\u0301, nai\u0308ve, Z\u030c\u0329alud, a\u0303o, and क्षि, นี้, \
עִבְרִית, العَرَبِيَّة.

それでも、待つ時間は短い方がいい。그래서 우리는 시간을 잰다. Потому что важно не среднее, а худшее.

In the end a careful reader measures twice: once what the server did, and once what the client made \
of it. The difference belongs to the client, and it should say so.
"""

_TOKEN: Final = re.compile(
    r" ?[A-Za-z]+"
    r"|[\u4e00-\u9fff]{1,2}"
    r"|[\U0001f1e6-\U0001f1ff]{2}"
    r"|[\u2600-\u27bf\U0001f300-\U0001faff](?:\u200d?[\ufe0f\u2600-\u27bf\U0001f3fb-\U0001f3ff]"
    r"|\u200d[\U0001f300-\U0001faff])*"
    r"| ?[\u0400-\u04ff]{1,4}"
    r"|\n+|."
)

TOKENS: Final[tuple[str, ...]] = tuple(_TOKEN.findall(_TEXT))
