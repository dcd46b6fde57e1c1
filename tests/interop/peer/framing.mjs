// [4 bytes: length N, unsigned, big-endian] [N bytes: one JSON value, UTF-8]
const kPrefixSize = 4;

export function encodeFrame(text) {
  const body = Buffer.from(text, 'utf8');
  const frame = Buffer.alloc(kPrefixSize + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, kPrefixSize);
  return frame;
}

// Cuts a stream into frames, however the stream was cut into segments.
export class FrameReader {
  #pending = Buffer.alloc(0);

  // The texts of the frames that this segment completes.
  push(segment) {
    this.#pending = Buffer.concat([this.#pending, segment]);
    const texts = [];
    while (this.#pending.length >= kPrefixSize) {
      const end = kPrefixSize + this.#pending.readUInt32BE(0);
      if (this.#pending.length < end) break;
      texts.push(this.#pending.toString('utf8', kPrefixSize, end));
      this.#pending = this.#pending.subarray(end);
    }
    return texts;
  }
}
