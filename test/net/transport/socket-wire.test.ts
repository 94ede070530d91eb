import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Outbox } from '../../../src/net/http2/index.js';
import { SocketWire } from '../../../src/net/transport/socket-wire.js';
import { shortDir } from '../../support/short-dir.js';

/** A wire, what its socket was told to write, and the peer. */
async function connected(t: Test) {
  const path = join(shortDir(t), 's');
  const server = createServer();
  const accepted = once(server, 'connection');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const peer = connect(path);
  const [socket] = (await accepted) as [Socket];
  t.teardown(() => {
    peer.destroy();
    socket.destroy();
    server.close();
  });
  const writes: string[] = [];
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  socket.write = ((bytes: Buffer, ...rest: unknown[]) => {
    writes.push(bytes.toString('latin1'));
    return write(bytes, ...rest);
  }) as Socket['write'];
  const outbox = new Outbox();
  const wire = new SocketWire(socket, outbox);
  const say = (text: string, shared?: Buffer, tail?: Buffer, onWritten?: () => void): void => {
    wire.send(outbox.bytes.write(text, 'latin1'), shared, tail, onWritten);
  };
  return { wire, say, writes, peer };
}

t.test('what several calls send in one go is one write', async (t) => {
  const { wire, say, writes, peer } = await connected(t);
  const tail = Buffer.from('3');
  queueMicrotask(() => say('4'));
  say('1', Buffer.from('2'), tail);
  tail.fill('x');
  t.equal(wire.backlogBytes, 3, 'what is held counts');
  const [read] = await once(peer, 'data');
  t.strictSame([String(read), writes], ['1234', ['1234']]);
});

t.test('of memory that somebody wipes there is no copy, and it is told when it has gone', async (t) => {
  const { say, writes, peer } = await connected(t);
  const key = Buffer.from('key');
  const wiped = new Promise<void>((resolve) => {
    say('1', key, Buffer.from('2'), () => {
      key.fill(0);
      resolve();
    });
  });
  let read = '';
  peer.on('data', (bytes) => (read += bytes));
  await wiped;
  while (read.length < 5) await once(peer, 'data');
  t.strictSame([read, writes], ['1key2', ['1', 'key', '2']]);
});

t.test('an end goes behind what is held, and a wire that is destroyed gives it up', async (t) => {
  const ended = await connected(t);
  ended.say('last');
  ended.wire.end();
  const [read] = await once(ended.peer, 'data');
  t.equal(String(read), 'last');

  const destroyed = await connected(t);
  let isGivenUp = false;
  destroyed.say('', Buffer.from('secret'), undefined, () => {
    isGivenUp = true;
  });
  destroyed.wire.destroy();
  t.ok(isGivenUp);
  await once(destroyed.peer.resume(), 'close');
  t.strictSame(destroyed.writes, []);
});
