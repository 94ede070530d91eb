import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { encodeFrame, encodeHeaders, Flag, Frame, Setting } from '../../../src/net/http2/index.js';
import { istio } from '../../../src/net/protobuf/index.js';
import { CitadelCaller } from '../../support/citadel-caller.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { grpcCore } from '../../support/grpc-core.js';
import { heapOf, tokensIn } from '../../support/heap-of.js';
import { callHeaders, data, grpcMessage, reset } from '../../support/raw-frames.js';
import { RawPeer } from '../../support/raw-peer.js';
import { shortDir } from '../../support/short-dir.js';
import { TokenIssuer } from '../../support/test-tokens.js';

const CREATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const csr = foreignCsr();
const request = Buffer.from(istio.v1.auth.IstioCertificateRequest.encode({ csr, validityDuration: 0 }).finish());

/** A Citadel whose heap can be looked at. */
async function start(t: Test) {
  const directory = shortDir(t);
  const [jwks, root] = [join(directory, 'jwks.json'), join(directory, 'root.pem')];
  const issuer = new TokenIssuer();
  writeFileSync(jwks, JSON.stringify(issuer.jwks));
  const given = { listen: '127.0.0.1:0', jwks, 'token-issuer': issuer.issuer, 'root-cert-out': root };
  const { address, heap } = await heapOf(t, 'citadel', given);
  return { issuer, heap, target: { address, root, rootPem: readFileSync(root) } };
}

const PYTHON_CLIENT = fileURLToPath(new URL('../../../../test/support/grpc_citadel_tokens.py', import.meta.url));

/** One connection of gRPC's C core, which stays open. */
function openCore(t: Test, { address, root }: { address: string; root: string }) {
  const env = { ...process.env, PYTHONPATH: grpcCore().path, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn('python3', [PYTHON_CLIENT, address, root], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (token: string): Promise<string> => {
    child.stdin.write(`${JSON.stringify({ token, csr })}\n`);
    return String((await lines.next()).value);
  };
}

/** A token as long as those of a cluster; what is another in each stands first. */
function long(issuer: TokenIssuer): Promise<string> {
  return issuer.sign({ jti: randomUUID(), ...issuer.claims('foo', 'sleep'), padding: 'x'.repeat(300) });
}

t.test('a snapshot shows the token of a call that is under way', async (t) => {
  const { issuer, target, heap } = await start(t);
  const token = await long(issuer);
  const peer = await RawPeer.connectTls(t, target);
  peer.send(callHeaders(1, CREATE, [['authorization', `Bearer ${token}`]]));
  await peer.ping();
  t.strictSame(tokensIn(await heap(), [token]), [token]);
  peer.send(reset(1));
  await peer.ping();
  t.strictSame(tokensIn(await heap(), [token]), [], 'and when the call is over it shows none');
});

/** A field as a client writes it that puts all into the table that has room there. (RFC 7541 §6.2) */
function field(name: string, value: string, tableBytes: number): Buffer {
  const text = (one: string): Buffer => {
    const long = one.length - 127;
    const length = long < 0 ? [one.length] : [127, (long & 0x7f) | 0x80, long >> 7];
    return Buffer.concat([Buffer.from(length), Buffer.from(one)]);
  };
  const isKept = name.length + value.length + 32 <= tableBytes;
  return Buffer.concat([Buffer.of(isKept ? 0x40 : 0), text(name), text(value)]);
}

t.test('no token stays in the table of header fields of a client that indexes what it may', async (t) => {
  const { issuer, target, heap } = await start(t);
  const peer = await RawPeer.connectTls(t, target);
  const settings = await peer.frame(({ type }) => type === Frame.settings);
  peer.send(encodeFrame(Frame.settings, Flag.ack, 0, Buffer.alloc(0)));
  const entries = Array.from({ length: settings.payload.length / 6 }, (_, index) => 6 * index);
  const at = entries.find((start) => settings.payload.readUInt16BE(start) === Setting.headerTableSize);
  const tableBytes = at === undefined ? 4096 : settings.payload.readUInt32BE(at + 2);
  const sizeUpdate = Buffer.of(0x3f, ((tableBytes - 31) & 0x7f) | 0x80, (tableBytes - 31) >> 7);
  const tokens = await Promise.all(Array.from({ length: 4 }, () => long(issuer)));
  for (const [index, token] of tokens.entries()) {
    const streamId = 2 * index + 1;
    const fields: [string, string][] = [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':path', CREATE],
      [':authority', 'localhost'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['authorization', `Bearer ${token}`],
    ];
    const block = Buffer.concat([
      ...(index === 0 ? [sizeUpdate] : []),
      ...fields.map(([name, value]) => field(name, value, tableBytes)),
    ]);
    peer.send(encodeHeaders(streamId, block, 16_384), data(streamId, grpcMessage(request), true));
    await peer.frame((frame) => frame.streamId === streamId && (frame.flags & Flag.endStream) !== 0);
  }
  t.notOk(peer.isClosed);
  t.strictSame(tokensIn(await heap(), tokens), []);
});

t.test('no token of a call that has ended stays, while connections are open', { skip: grpcCore().skip }, async (t) => {
  const { issuer, target, heap } = await start(t);
  const stranger = new TokenIssuer();
  const ask = openCore(t, target);
  const caller = new CitadelCaller(t, target);
  const tokens: string[] = [];
  for (let id = 1; id <= 6; id += 1) {
    const [good, other, forged] = [await long(issuer), await long(issuer), await long(stranger)];
    t.equal(await ask(good), 'OK');
    t.equal((await caller.call({ token: other, csr })).code, status.OK);
    t.equal(await ask(forged), 'UNAUTHENTICATED');
    tokens.push(good, other, forged);
  }
  t.strictSame(tokensIn(await heap(), tokens), []);
});
