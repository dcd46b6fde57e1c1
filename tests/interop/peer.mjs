// An independent distflow peer, written from docs/wire-protocol.md alone and sharing nothing with the C++ code.
//
// FrameReader, encodeFrame   the length prefix
// Connection                 JSON frames over one socket, each wait bounded in time
// PmdClient                  requests to a PMD, events from it
// Node                       a node that behaves as the TypeScript one does
// TypeScriptPmd              a PMD that behaves as the TypeScript one does, latest or first release
export {FrameReader, encodeFrame} from './peer/framing.mjs';
export {Connection} from './peer/connection.mjs';
export {PmdClient} from './peer/pmd_client.mjs';
export {Node} from './peer/node.mjs';
export {TypeScriptPmd} from './peer/typescript_pmd.mjs';
export {Inbox, kPatienceMs, within} from './peer/waiting.mjs';
