/**
 * net/transport: how bytes come and go. Unix, TLS and plain listeners that we own, the files of Unix sockets, dialling,
 * and the wires that HTTP/2 runs on.
 */

export { DialledWire } from './dial/dialled-wire.js';
export type { DialEvents, DialFailure, Dialling } from './dial/dialling.js';
export { readPeer, type TlsTarget } from './dial/peer.js';
export type { DialNetwork } from './dial/peer-dialling.js';
export { dialPlain } from './dial/plain-dial.js';
export { dialTls, type TlsAgreement, tlsAgreement } from './dial/tls-dial.js';
export { dialUnix } from './dial/unix-dial.js';
export { type DocumentRequest, readHttpsDocument } from './https-document.js';
export { addressKey, peerKey } from './peer-key.js';
export { listenPlain } from './plain-listener.js';
export type { Listener } from './socket-listener.js';
export { wiresOf } from './socket-wire.js';
export { listenTls, type TlsCertificate } from './tls-listener.js';
export { TLS_PARAMETERS } from './tls-parameters.js';
export { listenUnix } from './unix-listener.js';
export { UnixListeners, type UnixListenersOptions } from './unix-listeners.js';
export { unixPeer } from './unix-peer.js';
export { UnsentBytes } from './unsent-bytes.js';
