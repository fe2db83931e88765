"""What servers send, and what it is: literal bodies of public reports, and others of their kind.

A case's ``output`` has a letter for each text event: ``a`` answer, ``t`` thinking, ``c`` tool call, ``r`` refusal.
``sdk`` is what a client must report that delivers objects where its library fails on the bytes, or hides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from loadgen.model import Outcome

OK, SAID, CUT, BAD, EMPTY = (
    Outcome.OK,
    Outcome.SERVER_ERROR,
    Outcome.TRUNCATED,
    Outcome.UNDECODABLE,
    Outcome.EMPTY,
)


class Case(NamedTuple):
    data: bytes
    outcome: Outcome = OK
    output: str = ""
    error: str = ""
    usage: Mapping[str, Any] = {}  # the fields that are reported, without those of time
    sdk: Mapping[str, Any] = {}


def data(*objects: str) -> bytes:
    return "".join(f"data: {each}\n\n" for each in objects).encode()


def delta(fields: str, more: str = "") -> bytes:
    return data(
        f'{{"id":"1","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{fields}{more}}}]}}'
    )


A = delta('{"content":"Hi"}')
ROLE = delta('{"role":"assistant","content":null}')
STOP = delta("{}", ',"finish_reason":"stop"')
DONE = data("[DONE]")
END = STOP + DONE
STOPPED = {"finish_reason": "stop"}


def usage(text: str) -> bytes:
    return data(f'{{"choices":[],"usage":{text}}}')


def used(text: str, **found: Any) -> Case:
    """An answer with that usage, and what is reported of it."""
    return Case(A + STOP + usage(text) + DONE, OK, "a", usage=STOPPED | found)


def timed(text: str, **found: Any) -> Case:
    """An answer with those timings of llama.cpp, and what is reported of them."""
    return Case(A + STOP + data(f'{{"choices":[],"timings":{text}}}') + DONE, OK, "a", usage=STOPPED | found)


def refused(text: str, error: str = "boom", **sdk: Any) -> Case:
    """An error after a token, then [DONE]."""
    return Case(A + data(text) + DONE, SAID, "a", error, sdk=sdk)


def answered(fields: str, output: str, **sdk: Any) -> Case:
    """An answer of one delta."""
    return Case(ROLE + delta(fields) + END, OK, output, usage=STOPPED, sdk=sdk)


PLAIN = Case(ROLE + A + A + END, OK, "aa", usage=STOPPED)
# The libraries fail on what is no JSON: an event without data, a byte order mark.
FAILS = {"outcome": BAD}

OPENAI: dict[str, Case] = {
    "plain": PLAIN,
    # -- D1: a failure inside a 200
    "error object": refused('{"error":{"message":"boom","code":503}}'),
    "error, text": refused('{"error":"boom"}'),
    "error, no message": refused('{"error":{"code":503}}', "503"),
    "error, detail": refused('{"error":{"detail":"boom"}}'),
    "error, nested": refused('{"error":{"error":{"message":"boom"}}}'),
    "error, list": refused('{"error":[{"message":"boom"}]}'),
    "error, true": refused('{"error":true,"message":"boom"}'),
    "error beside empty choices": refused('{"choices":[],"error":{"message":"boom"}}'),
    "error beside a choice": refused(
        '{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"message":"boom"}}'
    ),
    "errors": refused('{"errors":[{"message":"boom"}]}'),
    "LiteLLM": refused('{"error":{"message":"boom","type":"None","param":"None","code":"500"}}'),
    "TGI": refused('{"error":"boom","error_type":"overloaded"}'),
    "vLLM": refused('{"object":"error","message":"boom","type":"BadRequestError","param":null,"code":400}'),
    "vLLM, first": Case(data('{"object":"error","message":"boom","code":400}') + DONE, SAID, "", "boom"),
    "vLLM, no message": refused('{"object":"error","code":400}', "400"),
    "Anthropic": refused('{"type":"error","error":{"type":"overloaded_error","message":"boom"}}'),
    "type of an error, flat": refused('{"type":"error","code":"server_error","message":"boom"}'),
    "type ends with error": refused('{"type":"invalid_request_error","message":"boom"}'),
    "FastAPI": refused('{"detail":"boom"}'),
    "FastAPI, list": refused('{"detail":[{"loc":["body"],"msg":"boom","type":"missing"}]}'),
    "code and message": refused('{"code":500,"message":"boom"}'),
    "code of the API's own": refused('{"code":"invalid_api_key","message":"boom","request_id":"1"}'),
    "status and message": refused('{"status":503,"message":"boom","path":"/v1"}'),
    "status is a word": refused('{"status":"error","message":"boom","id":"1"}'),
    "success is false": refused('{"success":false,"message":"boom","data":null}'),
    "message alone": refused('{"message":"boom"}'),
    "finish_reason is error": Case(
        A + delta("{}", ',"finish_reason":"error"') + DONE, SAID, "a", "finish_reason"
    ),
    "finish_reason and a choice's error": Case(
        delta("{}", ',"finish_reason":"error","error":{"message":"boom"}') + DONE, SAID, "", "boom"
    ),
    "event: error": Case(
        A + b"event: error\n" + data('{"message":"boom","id":"1"}') + DONE, SAID, "a", "boom"
    ),
    "event: error, error inside": Case(
        A + b"event: error\n" + data('{"error":{"message":"boom"}}'), SAID, "a", "boom"
    ),
    "event: error, no JSON": Case(A + b"event: error\n" + data("boom") + DONE, SAID, "a", "boom"),
    "event:error after its data": Case(A + b'data: {"message":"boom"}\nevent:error\n\n', SAID, "a", "boom"),
    "event: error, nothing": Case(A + b"event: error\ndata:\n\n", SAID, "a", "error"),
    # the SDK knows no such field
    "error: as llama.cpp writes it": Case(
        A + b'error: {"code":500,"message":"boom"}\n\n', SAID, "a", "boom", sdk={"outcome": CUT, "error": ""}
    ),
    "JSON outside of an event": Case(
        A + b'{"error":{"message":"boom"}}\n', SAID, "a", "boom", sdk={"outcome": CUT, "error": ""}
    ),
    "error at the end, no blank line": Case(
        A + data('{"error":"boom"}')[:-1], SAID, "a", "boom", sdk={"outcome": CUT, "error": ""}
    ),
    "error at the end, no LF": Case(
        A + data('{"error":"boom"}')[:-2], SAID, "a", "boom", sdk={"outcome": CUT, "error": ""}
    ),
    # -- no error
    **{
        f"error is {value}": Case(
            data(f'{{"error":{value},"choices":[{{"delta":{{"content":"Hi"}}}}]}}') + END,
            OK,
            "a",
            usage=STOPPED,
        )
        for value in ('""', "{}", "false", "null", "[]", "0")
    },
    # the SDK takes these for errors
    **{
        f"error is {value}": Case(
            data(f'{{"error":{value},"choices":[{{"delta":{{"content":"Hi"}}}}]}}') + END,
            OK,
            "a",
            usage=STOPPED,
            sdk={"outcome": SAID, "output": ""},
        )
        for value in ('{"code":0,"message":""}', '" "')
    },
    "error empty beside usage": Case(
        A + STOP + data('{"error":{},"choices":[],"usage":{"completion_tokens":1}}') + DONE,
        OK,
        "a",
        usage=STOPPED | {"tokens": 1},
    ),
    "code is 0": Case(A + data('{"code":0,"msg":"success"}') + END, OK, "a", usage=STOPPED),
    "code is 200": Case(A + data('{"code":200,"message":"ok"}') + END, OK, "a", usage=STOPPED),
    "ping": Case(A + b"event: ping\n" + data('{"type":"ping"}') + END, OK, "a", usage=STOPPED),
    "status is queued": Case(data('{"status":"queued","position":3}') + A + END, OK, "a", usage=STOPPED),
    "Azure's first": Case(
        data(
            '{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"index":0}]}'
        )
        + A
        + END,
        OK,
        "a",
        usage=STOPPED,
    ),
    # -- an end without output
    "nothing": Case(b"", CUT),
    "comments only": Case(b": ping\n\n: ping\n\n", CUT),
    "the end alone": Case(DONE, EMPTY, error="without output"),
    "role only, then the end": Case(ROLE + DONE, EMPTY),
    "usage, then the end": Case(usage('{"completion_tokens":5}') + DONE, EMPTY, usage={"tokens": 5}),
    "a reason and no output": Case(ROLE + END, OK, usage=STOPPED),
    "text without an end": Case(A, CUT, "a"),
    "text, then the end": Case(A + DONE, OK, "a"),
    "a reason, then the end of the body": Case(A + STOP, OK, "a", usage=STOPPED),
    "length": Case(
        A + delta("{}", ',"finish_reason":"length"') + DONE, OK, "a", usage={"finish_reason": "length"}
    ),
    # -- D2: odd side fields
    "choices null beside usage": Case(
        A + STOP + data('{"choices":null,"usage":{"completion_tokens":1}}') + DONE,
        OK,
        "a",
        usage=STOPPED | {"tokens": 1},
    ),
    "no choices": Case(A + data('{"id":"1"}') + END, OK, "a", usage=STOPPED),
    "a choice is null": Case(data('{"choices":[null]}') + A + END, OK, "a", usage=STOPPED),
    "delta null": Case(data('{"choices":[{"delta":null,"index":0}]}') + A + END, OK, "a", usage=STOPPED),
    "empty object": Case(data("{}") + A + END, OK, "a", usage=STOPPED),
    "heartbeat": Case(
        b"data:\n\n" + A + b"data: \n\n" + END, OK, "a", usage=STOPPED, sdk=FAILS | {"output": ""}
    ),
    "heartbeat of an event": Case(
        b"event: ping\n\n" + A + END, OK, "a", usage=STOPPED, sdk=FAILS | {"output": ""}
    ),
    "index is a text": Case(
        data('{"choices":[{"index":"0","delta":{"content":"Hi"}}]}') + END, OK, "a", usage=STOPPED
    ),
    "created is a text": Case(
        data('{"created":"now","id":7,"model":null,"choices":[{"delta":{"content":"Hi"}}]}') + END,
        OK,
        "a",
        usage=STOPPED,
    ),
    "logprobs of infinity": Case(
        data('{"choices":[{"delta":{"content":"Hi"},"logprobs":{"content":[{"logprob":-Infinity}]}}]}') + END,
        OK,
        "a",
        usage=STOPPED,
    ),
    "half a surrogate pair": answered('{"content":"\\ud83d"}', "a"),
    "the other half": answered('{"content":"\\ude00 there"}', "a"),
    "control characters": answered('{"content":"\\u0000\\u001b\\b"}', "a"),
    "content of parts": answered('{"content":[{"type":"text","text":"Hi"}]}', "a"),
    "content of texts": answered('{"content":["Hi"]}', "a"),
    "content of no parts": answered('{"content":[]}', ""),
    "content of empty parts": answered('{"content":[{"type":"text","text":""}]}', ""),
    "content is a number": Case(A + delta('{"content":5}') + END, BAD, "a", "5"),
    "finish_reason is a number": Case(A + delta("{}", ',"finish_reason":1') + DONE, OK, "a"),
    "finish_reason is long": Case(
        A + delta("{}", f',"finish_reason":"{"x" * 999}"') + DONE, OK, "a", usage={"finish_reason": "x" * 64}
    ),
    "counts": used(
        '{"prompt_tokens":7,"completion_tokens":9,"total_tokens":16,"completion_tokens_details":{"reasoning_tokens":4}}',
        prompt_tokens=7,
        tokens=9,
        thinking_tokens=4,
    ),
    "counts as floats": used('{"prompt_tokens":7.0,"completion_tokens":3.0}', prompt_tokens=7, tokens=3),
    "counts as texts": used('{"prompt_tokens":"7","completion_tokens":"3"}', prompt_tokens=7, tokens=3),
    "counts as other texts": used('{"prompt_tokens":"7.0","completion_tokens":"three"}', prompt_tokens=7),
    "counts of half a token": used('{"prompt_tokens":7.5,"completion_tokens":3}', tokens=3),
    "counts below zero": used('{"prompt_tokens":-1,"completion_tokens":-3}'),
    "counts of truth": used('{"prompt_tokens":true,"completion_tokens":false}'),
    "counts null": used('{"prompt_tokens":null,"completion_tokens":null,"completion_tokens_details":null}'),
    "counts of lists": used('{"prompt_tokens":[7],"completion_tokens":{"text":3}}'),
    "counts beyond 64 bits": used('{"prompt_tokens":1e300,"completion_tokens":99999999999999999999}'),
    "counts of infinity": used('{"prompt_tokens":NaN,"completion_tokens":Infinity}'),
    "details are a list": used('{"completion_tokens":3,"completion_tokens_details":[]}', tokens=3),
    "usage is a text": used('"none"'),
    "usage is a list": used("[1]"),
    "usage is a number": used("7"),
    # -- D4: field by field
    "usage, then an empty one": Case(
        A + STOP + usage('{"completion_tokens":9}') + usage("{}") + DONE,
        OK,
        "a",
        usage=STOPPED | {"tokens": 9},
    ),
    "usage, then null": Case(
        A + usage('{"completion_tokens":9}') + usage("null") + END, OK, "a", usage=STOPPED | {"tokens": 9}
    ),
    "usage, then zeros": Case(
        A
        + usage('{"prompt_tokens":7,"completion_tokens":9}')
        + usage('{"prompt_tokens":0,"completion_tokens":0}')
        + END,
        OK,
        "a",
        usage=STOPPED | {"prompt_tokens": 7, "tokens": 9},
    ),
    "usage in two halves": Case(
        A + usage('{"prompt_tokens":7}') + usage('{"completion_tokens":9}') + END,
        OK,
        "a",
        usage=STOPPED | {"prompt_tokens": 7, "tokens": 9},
    ),
    "usage that grows": Case(
        b"".join(
            data(f'{{"choices":[{{"delta":{{"content":"Hi"}}}}],"usage":{{"completion_tokens":{n}}}}}')
            for n in (1, 2, 3)
        )
        + END,
        OK,
        "aaa",
        usage=STOPPED | {"tokens": 3},
    ),
    "timings": timed('{"prompt_n":5,"prompt_ms":12.5,"predicted_n":3,"predicted_ms":30}', tokens=3),
    "timings without a count": Case(
        A + usage('{"completion_tokens":9}') + data('{"choices":[],"timings":{"predicted_ms":30}}') + END,
        OK,
        "a",
        usage=STOPPED | {"tokens": 9},
    ),
    "timings, then usage": Case(
        A + data('{"timings":{"predicted_n":3}}') + usage('{"completion_tokens":2}') + END,
        OK,
        "a",
        usage=STOPPED | {"tokens": 2},
    ),
    "timings below zero": timed('{"prompt_ms":-1,"predicted_ms":-0.5,"predicted_n":-2}'),
    "timings of texts": timed('{"prompt_ms":"fast","predicted_ms":[1],"predicted_n":"3"}', tokens=3),
    "timings of an age": timed('{"prompt_ms":1e308,"predicted_ms":1e999,"predicted_n":3}', tokens=3),
    "timings are a list": timed("[1,2]"),
    # -- D3: output that is not content
    "thinking, then the answer": Case(
        delta('{"reasoning_content":"hm"}') + delta('{"reasoning":"hm"}') + A + END, OK, "tta", usage=STOPPED
    ),
    "thinking alone": answered('{"reasoning_content":"hm","content":""}', "t"),
    "thinking and answer at once": answered('{"reasoning_content":"hm","content":"Hi"}', "a"),
    "thinking as a part": answered(
        '{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}', "t"
    ),
    "thinking empty": answered('{"reasoning":"","content":"","reasoning_content":null}', ""),
    "tool call": Case(
        delta(
            '{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}'
        )
        + delta('{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}')
        + delta("{}", ',"finish_reason":"tool_calls"')
        + DONE,
        OK,
        "cc",
        usage={"finish_reason": "tool_calls"},
    ),
    "function call": answered('{"function_call":{"name":"f","arguments":"{}"}}', "c"),
    "no tool calls": answered('{"tool_calls":[],"content":null}', ""),
    "tool calls null": answered('{"tool_calls":null,"function_call":null}', ""),
    "refusal": answered('{"refusal":"I cannot"}', "r"),
    "refusal null": answered('{"refusal":null,"content":"Hi"}', "a"),
    "text of completions": Case(
        data('{"object":"text_completion","choices":[{"text":"Hi","index":0,"finish_reason":"stop"}]}')
        + DONE,
        OK,
        "a",
        usage=STOPPED,
    ),
    "audio": answered('{"audio":{"id":"1","transcript":"Hi"}}', "a"),
    "a whole message in an event": Case(
        data('{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}') + DONE,
        OK,
        "a",
        usage=STOPPED,
    ),
    "several choices": Case(
        data('{"choices":[{"delta":{"reasoning":"hm"}},{"delta":{"content":"Hi"}}]}') + END,
        OK,
        "a",
        usage=STOPPED,
    ),
    # -- D7: server-sent events
    "CRLF": PLAIN._replace(data=PLAIN.data.replace(b"\n", b"\r\n")),
    "CR": PLAIN._replace(data=PLAIN.data.replace(b"\n", b"\r")),
    "CR, LF and CRLF in turn": PLAIN._replace(
        data=ROLE.replace(b"\n", b"\r") + A + A.replace(b"\n", b"\r\n") + END
    ),
    "a byte order mark": PLAIN._replace(data=b"\xef\xbb\xbf" + PLAIN.data),
    "a byte order mark before a token": Case(
        b"\xef\xbb\xbf" + A + END, OK, "a", usage=STOPPED, sdk={"output": ""}
    ),
    "a byte order mark before a comment": PLAIN._replace(data=b"\xef\xbb\xbf: hi\n\n" + PLAIN.data),
    "no space after the colon": PLAIN._replace(data=PLAIN.data.replace(b"data: ", b"data:")),
    "two spaces after the colon": PLAIN._replace(data=PLAIN.data.replace(b"data: {", b"data:  {")),
    "unknown fields": PLAIN._replace(data=b"foo: bar\nx-trace:1\n" + PLAIN.data + b"tail: x\n\n"),
    "fields without colon": PLAIN._replace(data=b"hello\nretry\n" + PLAIN.data),
    "an event name": PLAIN._replace(data=PLAIN.data.replace(b"data: {", b"event: message\ndata: {")),
    "comments between": PLAIN._replace(
        data=b":\n\n: OPENROUTER PROCESSING\n\n" + PLAIN.data.replace(b"\n\n", b"\n\n: x\n\n")
    ),
    "a comment inside": PLAIN._replace(data=PLAIN.data.replace(b"\n\n", b"\n: x\n\n")),
    "data in two lines": Case(
        b'data: {"choices":[\ndata: {"delta":{"content":"Hi"}}]}\n\n' + END, OK, "a", usage=STOPPED
    ),
    "more blank lines": PLAIN._replace(data=b"\n\n\n" + PLAIN.data.replace(b"\n\n", b"\n\n\n\n")),
    "the end without its blank line": Case(A + STOP + b"data: [DONE]\n", OK, "a", usage=STOPPED),
    "the end without LF": Case(A + STOP + b"data: [DONE]", OK, "a", usage=STOPPED),
    "the end without LF, no space": Case(A + STOP + b"data:[DONE]", OK, "a", usage=STOPPED),
    "the end with CR": Case(A + STOP + b"data: [DONE]\r", OK, "a", usage=STOPPED),
    "text, then the end without LF": Case(A + b"data: [DONE]", OK, "a", sdk={"outcome": CUT}),
    "the end and a space": Case(A + STOP + b"data: [DONE] \n\n", OK, "a", usage=STOPPED),
    "the end twice": Case(A + END + DONE, OK, "a", usage=STOPPED),
    "text after the end": Case(A + END + A, OK, "a", usage=STOPPED),
    "a token without its blank line": Case(A + A[:-1], CUT, "a"),
    "other separators in a text": answered('{"content":"\u0085\u2028\u2029"}', "a"),
    "an event that is no JSON": Case(A + data("keep-alive") + END, BAD, "a", "keep-alive"),
    "broken JSON": Case(A + data('{"choices":[') + END, BAD, "a", "choices"),
    "no object": Case(A + data("[1]") + END, BAD, "a", "[1]"),
    "bad UTF-8": Case(A + A.replace(b"Hi", b"\xff\xfe") + END, BAD, "a"),
}


def message(fields: str, more: str = "") -> bytes:
    return (
        f'{{"id":"1","object":"chat.completion","choices":[{{"index":0,"message":{fields}{more}}}]}}'.encode()
    )


OPENAI_WHOLE: dict[str, Case] = {
    "plain": Case(message('{"content":"Hi"}', ',"finish_reason":"stop"'), OK, "a", usage=STOPPED),
    "over lines": Case(
        message('{"content":"Hi"}', ',"finish_reason":"stop"')
        .replace(b",", b",\r\n\t")
        .replace(b"{", b"{\n"),
        OK,
        "a",
        usage=STOPPED,
    ),
    "blanks around": Case(b"\n\n  " + message('{"content":"Hi"}') + b"\n\n", OK, "a"),
    "a byte order mark": Case(b"\xef\xbb\xbf" + message('{"content":"Hi"}'), OK, "a"),
    "tool calls": Case(message('{"content":null,"tool_calls":[{"id":"c"}]}'), OK, "c"),
    "refusal": Case(message('{"content":null,"refusal":"no"}'), OK, "r"),
    "thinking": Case(message('{"content":"","reasoning_content":"hm"}'), OK, "t"),
    "no content": Case(message('{"content":null}'), EMPTY),
    "no content, a reason": Case(
        message('{"content":""}', ',"finish_reason":"length"'), OK, usage={"finish_reason": "length"}
    ),
    "half a surrogate pair": Case(message('{"content":"\\ud83d"}'), OK, "a"),
    "choices null": Case(b'{"choices":null}', CUT),
    "choices empty": Case(b'{"choices":[]}', CUT),
    "error": Case(b'{"error":{"message":"boom"}}', SAID, "", "boom"),
    "error, pretty": Case(b'{\n  "error": {\n    "message": "boom"\n  }\n}\n', SAID, "", "boom"),
    "error, vLLM": Case(b'{"object":"error","message":"boom","code":400}', SAID, "", "boom"),
    "error, FastAPI": Case(b'{"detail":"boom"}', SAID, "", "boom"),
    "error, text": Case(b'{"error":"boom"}', SAID, "", "boom"),
    "error, message": Case(b'{"message":"boom","code":"401"}', SAID, "", "boom"),
    "error beside text": Case(
        b'{"error":{"message":"boom"},"choices":[{"message":{"content":"Hi"}}]}', SAID, "a", "boom"
    ),
    "error empty beside text": Case(b'{"error":"","choices":[{"message":{"content":"Hi"}}]}', OK, "a"),
    "HTML": Case(b"<html>busy</html>", BAD, "", "html"),
    "cut short": Case(message('{"content":"Hi"}')[:-9], BAD),
}


def line(fields: str) -> bytes:
    return f'{{"model":"m","created_at":"2026-01-31T12:00:00Z",{fields}}}\n'.encode()


G = line('"response":"Hi","done":false')
C = line('"message":{"role":"assistant","content":"Hi"},"done":false')
LAST = line('"response":"","done":true,"done_reason":"stop","eval_count":2')
TWO = STOPPED | {"tokens": 2}


def ended(fields: str, **found: Any) -> Case:
    """An answer whose last object has those fields, on which the SDK's models fail."""
    return Case(
        G + line(f'"response":"","done":true,"done_reason":"stop",{fields}'), OK, "a", usage=STOPPED | found
    )


def ended_oddly(fields: str, **found: Any) -> Case:
    """As :func:`ended`, where the SDK's models refuse the last object."""
    return ended(fields, **found)._replace(sdk=FAILS | {"usage": {}})


def failed(text: str, error: str = "boom", **sdk: Any) -> Case:
    return Case(G + text.encode() + b"\n", SAID, "a", error, sdk=sdk)


GENERATE: dict[str, Case] = {
    "plain": Case(G + G + LAST, OK, "aa", usage=TWO),
    "CRLF": Case((G + LAST).replace(b"\n", b"\r\n"), OK, "a", usage=TWO),
    "the last without LF": Case(G + LAST[:-1], OK, "a", usage=TWO),
    "error": failed('{"error":"boom"}'),
    "error, object": failed('{"error":{"message":"boom"}}'),
    "error, no message": failed('{"error":{"code":7}}', "7"),
    "error, vLLM": failed('{"object":"error","message":"boom","code":400}'),
    "error, type": failed('{"type":"error","message":"boom"}'),
    "error, FastAPI": failed('{"detail":"boom"}'),
    "error, message": failed('{"message":"boom"}'),
    "error, code": failed('{"code":502,"msg":"boom"}'),
    "error without LF": Case(G + b'{"error":"boom"}', SAID, "a", "boom"),
    "error beside done": failed('{"error":"boom","done":true,"response":""}'),
    **{
        f"error is {value}": Case(
            line(f'"response":"Hi","done":false,"error":{value}') + LAST, OK, "a", usage=TWO
        )
        for value in ('""', "{}", "false", "null", "[]", "0")
    },
    "the end alone": Case(line('"response":"","done":true'), EMPTY),
    "the end of a load": Case(
        line('"response":"","done":true,"done_reason":"load"'), OK, usage={"finish_reason": "load"}
    ),
    "no end": Case(G, CUT, "a"),
    "nothing": Case(b"", CUT),
    "counts as floats": ended('"eval_count":3.0,"prompt_eval_count":7.0', tokens=3, prompt_tokens=7),
    "counts as texts": ended('"eval_count":"3","prompt_eval_count":"7"', tokens=3, prompt_tokens=7),
    "counts below zero": ended('"eval_count":-3,"prompt_eval_count":-1'),
    "counts null": ended('"eval_count":null'),
    "counts of half a token": ended_oddly('"eval_count":3.5'),
    "counts of lists": ended_oddly('"eval_count":[3],"prompt_eval_count":{}'),
    "counts beyond 64 bits": ended('"eval_count":99999999999999999999'),
    "durations as floats": ended('"total_duration":5.5e9,"eval_count":2', tokens=2),
    "durations of half a nanosecond": ended_oddly('"total_duration":5.5,"eval_count":2', tokens=2),
    "durations beyond 64 bits": ended('"total_duration":9223372036854775808,"eval_count":2', tokens=2),
    "durations as texts": ended_oddly('"total_duration":"1.5s","eval_count":2', tokens=2),
    "durations below zero": ended('"total_duration":-5,"load_duration":-1,"eval_count":2', tokens=2),
    "durations of infinity": ended_oddly('"total_duration":NaN,"eval_count":2', tokens=2),
    "context is odd": ended_oddly('"context":"none","eval_count":2', tokens=2),
    "a reason that is a number": Case(
        G + line('"response":"","done":true,"done_reason":1'), OK, "a", sdk=FAILS
    ),
    "no time": Case(b'{"response":"Hi"}\n' + LAST, OK, "a", usage=TWO),
    "a time of another kind": Case(
        b'{"created_at":17,"response":"Hi"}\n' + LAST,
        OK,
        "a",
        usage=TWO,
        sdk=FAILS | {"output": "", "usage": {}},
    ),
    "half a surrogate pair": Case(line('"response":"\\ud83d","done":false') + LAST, OK, "a", usage=TWO),
    "thinking": Case(line('"response":"","thinking":"hm","done":false') + G + LAST, OK, "ta", usage=TWO),
    "heartbeat": Case(line('"response":"","done":false') + G + LAST, OK, "a", usage=TWO),
    "done is null": Case(line('"response":"Hi","done":null') + LAST, OK, "a", usage=TWO),
    "done is a text": Case(G + line('"response":"","done":"true"'), BAD, "a", "done"),
    "broken line": Case(G + b'{"resp\n' + LAST, BAD, "a", "resp"),
    "HTML": Case(b"<html>\n<body>busy\n", BAD, "", "html"),
    "after the end": Case(G + LAST + b"<html>\n", OK, "a", usage=TWO),
}

CHAT: dict[str, Case] = {
    "plain": Case(C + C + LAST, OK, "aa", usage=TWO),
    "tool call": Case(
        line(
            '"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false'
        )
        + line(
            '"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","eval_count":144'
        ),
        OK,
        "c",
        usage=STOPPED | {"tokens": 144},
    ),
    "tool calls null": Case(
        line('"message":{"role":"assistant","content":"Hi","tool_calls":null},"done":false') + LAST,
        OK,
        "a",
        usage=TWO,
    ),
    "thinking": Case(
        line('"message":{"role":"assistant","content":"","thinking":"hm"},"done":false') + C + LAST,
        OK,
        "ta",
        usage=TWO,
    ),
    "role only": Case(line('"message":{"role":"assistant"},"done":false') + C + LAST, OK, "a", usage=TWO),
    "message null": Case(
        line('"message":null,"done":false') + C + LAST,
        OK,
        "a",
        usage=TWO,
        sdk=FAILS | {"output": "", "usage": {}},
    ),
    "error": Case(C + b'{"error":"boom"}\n', SAID, "a", "boom"),
    "error, message": Case(C + b'{"message":"boom"}\n', SAID, "a", "boom"),
    "error beside a message": Case(
        C + line('"message":{"role":"assistant","content":""},"error":"boom"'), SAID, "a", "boom"
    ),
}
# The SDK requires a message, also of the last object.
CHAT = {
    name: case._replace(
        data=case.data.replace(b'"response":""', b'"message":{"role":"assistant","content":""}')
    )
    for name, case in CHAT.items()
}

GENERATE_WHOLE: dict[str, Case] = {
    "plain": Case(line('"response":"Hi","done":true,"done_reason":"stop"'), OK, "a", usage=STOPPED),
    "over lines": Case(
        line('"response":"Hi","done":true,"done_reason":"stop"')
        .replace(b",", b",\n   ")
        .replace(b"{", b"{\n"),
        OK,
        "a",
        usage=STOPPED,
    ),
    "error": Case(b'{"error":"boom"}', SAID, "", "boom"),
    "error, pretty": Case(b'{\n  "error": "boom"\n}\n', SAID, "", "boom"),
    "error, FastAPI": Case(b'{"detail":"boom"}', SAID, "", "boom"),
    "error empty beside text": Case(line('"response":"Hi","done":true,"error":""'), OK, "a"),
    "streamed nevertheless": Case(G + G + LAST, OK, "aa", usage=TWO, sdk=FAILS | {"output": "", "usage": {}}),
    "the end alone": Case(line('"response":"","done":true'), EMPTY),
    "HTML": Case(b"<html>\n<body>busy\n", BAD, "", "html"),
    "cut short": Case(line('"response":"Hi"')[:-9], CUT, sdk=FAILS),
}


def text(words: str, more: str = "") -> bytes:
    return data(f'{{"id":"1","object":"text_completion","choices":[{{"index":0,"text":"{words}"{more}}}]}}')


COMPLETIONS: dict[str, Case] = {
    "plain": Case(text("Hi") * 2 + text("", ',"finish_reason":"stop"') + DONE, OK, "aa", usage=STOPPED),
    "counts": Case(
        text("Hi", ',"finish_reason":"length"') + usage('{"prompt_tokens":7,"completion_tokens":3}') + DONE,
        OK,
        "a",
        usage={"prompt_tokens": 7, "tokens": 3, "finish_reason": "length"},
    ),
    "no [DONE]": Case(text("Hi", ',"finish_reason":"stop"'), OK, "a", usage=STOPPED),
    "no end": Case(text("Hi"), CUT, "a"),
    "empty texts": Case(text("") + text("", ',"finish_reason":"stop"') + DONE, OK, "", usage=STOPPED),
    "error": Case(text("Hi") + data('{"error":{"message":"boom"}}'), SAID, "a", "boom"),
    "text is a number": Case(data('{"choices":[{"text":5}]}') + DONE, BAD, "", "5"),
}
COMPLETIONS_WHOLE: dict[str, Case] = {
    "plain": Case(
        b'{"object":"text_completion","choices":[{"text":"Hi","index":0,"finish_reason":"stop"}],"usage":{"completion_tokens":2}}',
        OK,
        "a",
        usage=TWO,
    ),
    "error": Case(b'{"error":{"message":"boom","type":"server_error"}}', SAID, "", "boom"),
}


def event(kind: str, fields: str = "") -> bytes:
    return f'event: {kind}\ndata: {{"type":"{kind}"{"," * bool(fields)}{fields}}}\n\n'.encode()


def part(kind: str, fields: str) -> bytes:
    return event(f"response.{kind}", f'"item_id":"1","output_index":0,"sequence_number":4,{fields}')


CREATED = event(
    "response.created", '"response":{"id":"1","status":"in_progress","output":[],"error":null,"usage":null}'
)
R = part("output_text.delta", '"content_index":0,"delta":"Hi","logprobs":[]')
ITEM = part("output_item.added", '"item":{"type":"message","content":[],"role":"assistant"}')


def responded(status: str, fields: str = "") -> bytes:
    response = f'"response":{{"id":"1","status":"{status}","output":[]{"," * bool(fields)}{fields}}}'
    return event(f"response.{status}", response)


COMPLETED = responded("completed")
ENDED = {"finish_reason": "completed"}
CALL = part("output_item.added", '"item":{"type":"function_call","name":"f","arguments":"","call_id":"c"}')
RESPONSES: dict[str, Case] = {
    "plain": Case(CREATED + ITEM + R + R + COMPLETED, OK, "aa", usage=ENDED),
    "counts": Case(
        CREATED
        + R
        + responded(
            "completed",
            '"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":3},"output_tokens":9,'
            '"output_tokens_details":{"reasoning_tokens":4},"total_tokens":16}',
        ),
        OK,
        "a",
        usage=ENDED | {"prompt_tokens": 7, "tokens": 9, "thinking_tokens": 4},
    ),
    "cut at its limit": Case(
        R + responded("incomplete", '"incomplete_details":{"reason":"max_output_tokens"},"error":null'),
        OK,
        "a",
        usage={"finish_reason": "max_output_tokens"},
    ),
    "done follows": Case(R + COMPLETED + DONE, OK, "a", usage=ENDED),
    "done alone": Case(R + DONE, CUT, "a"),
    "without lines of the type": Case(
        b"".join(each for each in (CREATED + R + COMPLETED).splitlines(True) if b"event: " not in each),
        OK,
        "a",
        usage=ENDED,
    ),
    "CRLF": Case((CREATED + R + COMPLETED).replace(b"\n", b"\r\n"), OK, "a", usage=ENDED),
    "comments": Case(b": ping\n\n" + R + b":\n\n" + COMPLETED, OK, "a", usage=ENDED),
    "thinking, then the answer": Case(
        part("reasoning_summary_text.delta", '"summary_index":0,"delta":"hm"')
        + part("reasoning_text.delta", '"content_index":0,"delta":"hm"')
        + R
        + COMPLETED,
        OK,
        "tta",
        usage=ENDED,
    ),
    "refusal": Case(
        part("refusal.delta", '"content_index":0,"delta":"No"') + COMPLETED, OK, "r", usage=ENDED
    ),
    "tool call": Case(
        CALL
        + part("function_call_arguments.delta", '"delta":"{\\"a\\":"')
        + part("function_call_arguments.delta", '"delta":"1}"')
        + part("function_call_arguments.done", '"arguments":"{\\"a\\":1}"')
        + COMPLETED,
        OK,
        "ccc",
        usage=ENDED,
    ),
    "empty deltas": Case(
        part("output_text.delta", '"delta":""') + part("output_text.delta", '"delta":null') + COMPLETED,
        OK,
        "",
        usage=ENDED,
    ),
    "what is done is no output again": Case(
        R
        + part("output_text.done", '"text":"Hi"')
        + part("content_part.done", '"part":{"type":"output_text","text":"Hi"}')
        + part("output_item.done", '"item":{"type":"message","content":[{"type":"output_text","text":"Hi"}]}')
        + responded(
            "completed", '"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]'
        ),
        OK,
        "a",
        usage=ENDED,
    ),
    "all of the text in the last event": Case(
        CREATED
        + responded(
            "completed", '"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]'
        ),
        OK,
        "a",
        usage=ENDED,
    ),
    "events of other kinds": Case(
        CREATED + event("response.queued") + event("response.web_search_call.searching") + R + COMPLETED,
        OK,
        "a",
        usage=ENDED,
    ),
    "no end": Case(CREATED + R, CUT, "a"),
    "nothing": Case(b"", CUT),
    "failed": Case(
        R + responded("failed", '"error":{"code":"server_error","message":"boom"}'), SAID, "a", "boom"
    ),
    "failed without a reason": Case(responded("failed", '"error":null'), SAID, "", ""),
    "error": Case(
        R + event("error", '"code":"server_error","message":"boom","param":null'), SAID, "a", "boom"
    ),
    "error, without its line": Case(R + data('{"type":"error","message":"boom"}'), SAID, "a", "boom"),
    "error as in other APIs": Case(R + data('{"error":{"message":"boom"}}'), SAID, "a", "boom"),
    "delta is a number": Case(R + part("output_text.delta", '"delta":5'), BAD, "a", "5"),
    "broken JSON": Case(R + b'data: {"type":"response\n\n', BAD, "a", "response"),
    "type is a list": Case(data('{"type":["response.completed"]}') + R + COMPLETED, OK, "a", usage=ENDED),
}
RESPONSES_WHOLE: dict[str, Case] = {
    "plain": Case(
        b'{"object":"response","status":"completed","error":null,"output":[{"type":"reasoning","summary":'
        b'[{"type":"summary_text","text":"hm"}]},{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],'
        b'"usage":{"input_tokens":7,"output_tokens":2}}',
        OK,
        "a",
        usage=ENDED | {"prompt_tokens": 7, "tokens": 2},
    ),
    "thinking alone": Case(
        b'{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"reasoning",'
        b'"summary":[{"type":"summary_text","text":"hm"}]}]}',
        OK,
        "t",
        usage={"finish_reason": "max_output_tokens"},
    ),
    "tool call": Case(
        b'{"status":"completed","output":[{"type":"function_call","name":"f","arguments":"{}"}]}',
        OK,
        "c",
        usage=ENDED,
    ),
    "refusal": Case(
        b'{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No"}]}]}',
        OK,
        "r",
        usage=ENDED,
    ),
    "failed": Case(b'{"status":"failed","error":{"message":"boom"},"output":[]}', SAID, "", "boom"),
    "error": Case(b'{"error":{"message":"boom"}}', SAID, "", "boom"),
    "HTML": Case(b"<html>\n", BAD, "", "html"),
}

BEGUN = event(
    "message_start", '"message":{"type":"message","content":[],"usage":{"input_tokens":7,"output_tokens":1}}'
)


def block(kind: str, fields: str) -> bytes:
    return event("content_block_start", f'"index":0,"content_block":{{"type":"{kind}"{fields}}}')


def of_block(kind: str, fields: str) -> bytes:
    return event("content_block_delta", f'"index":0,"delta":{{"type":"{kind}",{fields}}}')


def stopped(reason: str = "end_turn", fields: str = '"output_tokens":9') -> bytes:
    delta = f'"delta":{{"stop_reason":"{reason}","stop_sequence":null}},"usage":{{{fields}}}'
    return event("content_block_stop", '"index":0') + event("message_delta", delta) + event("message_stop")


M = of_block("text_delta", '"text":"Hi"')
NINE = {"prompt_tokens": 7, "tokens": 9, "finish_reason": "end_turn"}
ANTHROPIC: dict[str, Case] = {
    "plain": Case(
        BEGUN + block("text", ',"text":""') + event("ping") + M + M + stopped(), OK, "aa", usage=NINE
    ),
    "counts with a cache": Case(
        event(
            "message_start",
            '"message":{"usage":{"input_tokens":7,"cache_creation_input_tokens":20,"cache_read_input_tokens":100}}',
        )
        + M
        + stopped(fields='"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}'),
        OK,
        "a",
        usage=NINE | {"prompt_tokens": 127, "thinking_tokens": 4},
    ),
    "counts of the prompt at the end": Case(
        event("message_start", '"message":{"usage":{"input_tokens":0,"output_tokens":0}}')
        + M
        + stopped(fields='"input_tokens":7,"output_tokens":9'),
        OK,
        "a",
        usage=NINE,
    ),
    "without lines of the type": Case(
        b"".join(each for each in (BEGUN + M + stopped()).splitlines(True) if b"event: " not in each),
        OK,
        "a",
        usage=NINE,
    ),
    "thinking, then the answer": Case(
        BEGUN
        + block("thinking", ',"thinking":"","signature":""')
        + of_block("thinking_delta", '"thinking":"hm"') * 2
        + of_block("signature_delta", '"signature":"EqoB"')
        + M
        + stopped(),
        OK,
        "tta",
        usage=NINE,
    ),
    "thinking that is hidden": Case(
        BEGUN + block("redacted_thinking", ',"data":"EqoB"') + M + stopped(), OK, "a", usage=NINE
    ),
    "tool call": Case(
        BEGUN
        + block("tool_use", ',"id":"t","name":"f","input":{}')
        + of_block("input_json_delta", '"partial_json":""')
        + of_block("input_json_delta", '"partial_json":"{}"')
        + stopped("tool_use"),
        OK,
        "cc",
        usage=NINE | {"finish_reason": "tool_use"},
    ),
    "refusal": Case(
        BEGUN + stopped("refusal", '"output_tokens":1'),
        OK,
        "r",
        usage={"prompt_tokens": 7, "tokens": 1, "finish_reason": "refusal"},
    ),
    "citations": Case(
        BEGUN + M + of_block("citations_delta", '"citation":{"cited_text":"x"}') + stopped(),
        OK,
        "a",
        usage=NINE,
    ),
    "empty deltas": Case(BEGUN + of_block("text_delta", '"text":""') + stopped(), OK, "", usage=NINE),
    "an event of a later version": Case(BEGUN + event("message_note") + M + stopped(), OK, "a", usage=NINE),
    "no end": Case(BEGUN + M, CUT, "a"),
    "no message_stop": Case(
        BEGUN + M + event("message_delta", '"delta":{"stop_reason":"end_turn"}'), CUT, "a"
    ),
    "nothing": Case(b"", CUT),
    "error": Case(
        BEGUN + M + event("error", '"error":{"type":"overloaded_error","message":"boom"}'), SAID, "a", "boom"
    ),
    "error, without its line": Case(
        M + data('{"type":"error","error":{"type":"overloaded_error","message":"boom"}}'), SAID, "a", "boom"
    ),
    "text is a number": Case(M + of_block("text_delta", '"text":5'), BAD, "a", "5"),
    "broken JSON": Case(M + b'data: {"type":\n\n', BAD, "a", "type"),
}
ANTHROPIC_WHOLE: dict[str, Case] = {
    "plain": Case(
        b'{"type":"message","role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],'
        b'"stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":9}}',
        OK,
        "a",
        usage=NINE,
    ),
    "tool call": Case(
        b'{"content":[{"type":"tool_use","id":"t","name":"f","input":{}}],"stop_reason":"tool_use"}',
        OK,
        "c",
        usage={"finish_reason": "tool_use"},
    ),
    "refusal": Case(b'{"content":[],"stop_reason":"refusal"}', OK, "r", usage={"finish_reason": "refusal"}),
    "error": Case(b'{"type":"error","error":{"type":"api_error","message":"boom"}}', SAID, "", "boom"),
    "HTML": Case(b"<html>\n", BAD, "", "html"),
}

# Protocol, whether it streams, and its cases.
TABLES: dict[tuple[str, bool], dict[str, Case]] = {
    ("openai-chat", True): OPENAI,
    ("openai-chat", False): OPENAI_WHOLE,
    ("ollama-generate", True): GENERATE,
    ("ollama-chat", True): CHAT,
    ("ollama-generate", False): GENERATE_WHOLE,
    ("openai-completions", True): COMPLETIONS,
    ("openai-completions", False): COMPLETIONS_WHOLE,
    ("openai-responses", True): RESPONSES,
    ("openai-responses", False): RESPONSES_WHOLE,
    ("anthropic-messages", True): ANTHROPIC,
    ("anthropic-messages", False): ANTHROPIC_WHOLE,
}
