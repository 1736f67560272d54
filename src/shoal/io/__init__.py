"""Bytes and files, read and written through fsspec; shared by the collections.

Everything here is either a plain description that can be sent to another process (`Block`,
`TextPart`, `AvroPart`, `OpenFile`) or a function that does the work one of them describes.  A
collection asks for the descriptions once, where the user calls it (``plan_blocks``,
``plan_text``, ``plan_avro``, ``open_files``), and makes one task of each with the function
beside it (``read_block``, ``iter_text``, ``iter_avro``, ``write_lines``, ``write_avro``).
Nothing here knows of tasks or graphs.

- `shoal.io.files`: names, patterns, file systems; opening for reading and writing
- `shoal.io.compression`: what can be decompressed, and what a broken file means
- `shoal.io.blocks`: cutting files into blocks at delimiters
- `shoal.io.text`: lines
- `shoal.io.avro`: Avro records
"""
