import { connect, type Socket } from 'node:net';
import type { Attempt, AttemptEvents } from './dial-race.js';
import type { DialEvents, Dialling } from './dialling.js';
import { readPeer } from './peer.js';
import { type DialNetwork, PeerDialling } from './peer-dialling.js';

/**
 * Dials for HTTP/2 over TCP alone (RFC 9113 §3.3, "prior knowledge"). Nothing tells who the peer is, and all that is
 * said can be read and changed on the way. `address` is `host:port`, an IPv6 address in brackets.
 */
export function dialPlain(address: string, events: DialEvents, network?: DialNetwork): Dialling {
  const { host, port } = readPeer({ address });
  const peer = {
    host,
    begin: (ip: string, attempt: AttemptEvents<Socket>) => beginAttempt(ip, port, attempt),
    isUnverified: () => false,
  };
  return new PeerDialling(peer, events, network);
}

function beginAttempt(host: string, port: number, events: AttemptEvents<Socket>): Attempt {
  const socket = connect({ host, port, noDelay: true });
  const onConnect = (): void => {
    socket.off('error', onError);
    events.reached();
    events.succeeded(socket);
  };
  const onError = (error: Error): void => {
    giveUp();
    events.failed(error);
  };
  const giveUp = (): void => {
    socket
      .off('connect', onConnect)
      .off('error', onError)
      .on('error', () => {});
    socket.destroy();
  };
  socket.on('connect', onConnect).on('error', onError);
  return { cancel: giveUp };
}
