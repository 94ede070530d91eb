// What does a call to the CA cost the agent?
//
// A grpc-js server with TLS in a process of its own; fresh client processes, ours and grpc-js's in turn, each of 24
// calls in flight. The figures are all CPU of the client, by its own account, garbage collector and TLS included.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type ChannelOptions, Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { type CancelSignal, CancelSource } from '../src/cancellation/index.js';
import { openGrpcClient } from '../src/net/grpc/index.js';
import { rawMethod } from '../test/support/raw-method.js';
import { TestCa } from '../test/support/test-ca.js';
import type { Answer } from './harness/answer.js';
import { conditionsOf } from './harness/conditions.js';
import { percentilesOf } from './harness/percentiles.js';
import { invocationOf, report } from './harness.js';

const PATH = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const CALLS = 2000;
const IN_FLIGHT = 24;

/** As large as a P-256 CSR, the answer with a chain and a root, and a service-account token. */
const REQUEST = Buffer.alloc(500, 'r');
const ANSWER = Buffer.alloc(4000, 'a');
const TOKEN = `Bearer ${'t'.repeat(1100)}`;

const CLIENTS = ['ours', 'grpc-js'] as const;
type ClientName = (typeof CLIENTS)[number];

/** What a client is told by its parent, as JSON. */
interface Task {
  readonly client: ClientName;
  readonly port: number;
  readonly rootPem: string;
}

/** Microseconds of CPU a call: of the first {@link CALLS} of a process, and of as many behind three times as many. */
interface Measured {
  readonly first: number;
  readonly later: number;
}

type Call = (signal: CancelSignal) => Promise<Buffer>;

function callsOf({ client, port, rootPem }: Task): { call: Call; close: () => void } {
  return client === 'ours' ? ourCalls(port, rootPem) : grpcCalls(port, rootPem);
}

function ourCalls(port: number, rootPem: string) {
  const connection = openGrpcClient({ address: `127.0.0.1:${port}`, rootPem: Buffer.from(rootPem) });
  const metadata = { authorization: TOKEN, clusterid: 'Kubernetes' };
  const call: Call = (signal) => connection.unary(PATH, REQUEST, { metadata, deadlineMs: Date.now() + 5000, signal });
  return { call, close: () => connection.close() };
}

function grpcCalls(port: number, rootPem: string) {
  const options: ChannelOptions = { 'grpc.enable_channelz': 0, 'grpc.enable_retries': 0 };
  const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(rootPem)), options);
  const same = (bytes: Buffer): Buffer => bytes;
  const metadata = new Metadata();
  metadata.set('authorization', TOKEN);
  metadata.set('clusterid', 'Kubernetes');
  const call: Call = () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(PATH, same, same, REQUEST, metadata, { deadline: Date.now() + 5000 }, (error, answer) => {
        if (error !== null || answer === undefined) reject(error);
        else resolve(answer);
      });
    });
  return { call, close: () => client.close() };
}

async function cpuOf(call: Call, count: number): Promise<number> {
  const before = process.cpuUsage();
  let asked = 0;
  const inTurn = async (): Promise<void> => {
    while (asked < count) {
      asked += 1;
      const answer = await call(new CancelSource());
      if (answer.length !== ANSWER.length) throw new Error(`got an answer of ${answer.length} bytes`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, inTurn));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function beClient(task: Task): Promise<void> {
  const { call, close } = callsOf(task);
  await call(new CancelSource());
  const first = await cpuOf(call, CALLS);
  await cpuOf(call, 2 * CALLS);
  const later = await cpuOf(call, CALLS);
  close();
  process.send?.({ first, later } satisfies Measured);
}

async function beServer(): Promise<void> {
  const ca = TestCa.root();
  const { certPem, keyPem } = ca.server();
  const server = new Server({ 'grpc.enable_channelz': 0 });
  server.addService(
    { Create: rawMethod(PATH, 'unary') },
    { Create: (_call: unknown, done: (error: null, answer: Buffer) => void) => done(null, ANSWER) },
  );
  const tls = ServerCredentials.createSsl(null, [{ cert_chain: certPem, private_key: keyPem }]);
  server.bindAsync('127.0.0.1:0', tls, (error, port) => {
    if (error !== null) throw error;
    process.send?.({ port, rootPem: String(ca.certificatePem) });
  });
  process.once('disconnect', () => server.forceShutdown());
}

function start(role: string, task?: Task): ChildProcess {
  return fork(process.argv[1] ?? '', [role, JSON.stringify(task ?? null)]);
}

async function ask(): Promise<void> {
  const invocation = invocationOf(process.argv.slice(2));
  const rounds = invocation.isSmoke ? 1 : invocation.rounds;
  const server = start('server');
  const [peer] = (await once(server, 'message')) as [Omit<Task, 'client'>];
  const results = new Map<ClientName, Measured[]>(CLIENTS.map((client) => [client, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const client of CLIENTS) {
      const child = start('client', { client, ...peer });
      const [measured] = (await once(child, 'message')) as [Measured];
      results.get(client)?.push(measured);
      await once(child, 'exit');
    }
  }
  server.disconnect();
  report(answerOf(results, rounds), invocation);
}

function answerOf(results: ReadonlyMap<ClientName, readonly Measured[]>, rounds: number): Answer {
  const rows = [...results].flatMap(([group, all]) => [
    { group, name: `the first ${CALLS} calls`, unit: 'µs', ...percentilesOf(all.map(({ first }) => first)) },
    { group, name: `${CALLS} later calls`, unit: 'µs', ...percentilesOf(all.map(({ later }) => later)) },
  ]);
  return {
    name: 'ca-calls',
    question: 'What does a call to the CA cost the agent?',
    note: `CPU of the client per call, ${IN_FLIGHT} calls in flight, a token of 1.1 kB, an answer of 4 kB; each sample is a fresh process.`,
    conditions: conditionsOf(0, rounds),
    rates: [],
    distributions: rows,
    ratios: [],
  };
}

const [, , role, task] = process.argv;
if (role === 'server') await beServer();
else if (role === 'client' && task !== undefined) await beClient(JSON.parse(task));
else await ask();
