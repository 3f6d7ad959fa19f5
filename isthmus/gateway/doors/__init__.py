"""Callers' wires, one file each: what a caller sends becomes a chat.completions request, and back.

    read(body) -> bytes             the caller's request as a chat.completions body. Raises Refusal.
    write(chat, asked) -> bytes     a whole chat.completion, with its `isthmus` object, as the caller's answer
    Writer(asked).feed(event)       canonical chunk events (their data, [DONE] included) as the caller's events
    refusal(refused) -> bytes       an error in the wire's own shape

`asked` is the caller's own body, from which some wires echo. The corridor between speaks chat.completions alone.
"""
