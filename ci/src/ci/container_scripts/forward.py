"""Pass TCP connections on: forward.py PORT=HOST:PORT ..."""

from __future__ import annotations

import asyncio
import sys

CHUNK = 1 << 16


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end, and pass the end on."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except ConnectionError:
        writer.close()


async def listen(port: int, host: str, target: int) -> None:
    """Accept connections on the port until the program ends."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(host, target)
        except OSError as error:
            print(f"port {port}: {host}:{target}: {error}", flush=True)
            writer.close()
            return
        await asyncio.gather(copy(reader, back), copy(there, writer))
        back.close()
        writer.close()

    server = await asyncio.start_server(connected, "0.0.0.0", port)  # noqa: S104 - inside a container
    await server.serve_forever()


async def main(words: list[str]) -> None:
    """Listen on all ports."""
    routes = []
    for word in words:
        port, _, target = word.partition("=")
        host, _, number = target.rpartition(":")
        routes.append(listen(int(port), host, int(number)))
    await asyncio.gather(*routes)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
