import { lstat } from 'node:fs/promises';
import { connect } from 'node:net';
import { messageOf } from '../../errors/index.js';
import { askHealth, CallFailure, openUnixGrpcClient, status } from '../../net/grpc/index.js';
import { systemReason } from '../../system/small-files/index.js';
import { type Finding, Step } from './finding.js';

export interface SocketSettings {
  readonly path: string;
  /** Of --socket-mode: `0660`. */
  readonly mode: string;
  /** Of --socket-group. */
  readonly group: number | undefined;
}

/** sockaddr_un holds 108 bytes with the closing zero. (unix(7)) */
const MAX_PATH_BYTES = 107;

/** A socket on this machine answers at once, or not at all. */
const TIMEOUT_MS = 3000;

const step = new Step('socket');

/** Whether an Envoy can ask on the socket: the file, who may connect, who answers. */
export async function examineSocket(settings: SocketSettings): Promise<Finding[]> {
  const { path } = settings;
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) {
    return [
      step.fail(
        `a path of ${bytes} bytes, expected at most ${MAX_PATH_BYTES}: ${path}`,
        'choose a shorter --socket, and give Envoy the same',
      ),
    ];
  }
  const file = await examineFile(settings);
  if (file.some(({ verdict }) => verdict === 'fail')) return file;
  return [...file, await examineAnswer(path)];
}

async function examineFile({ path, mode, group }: SocketSettings): Promise<Finding[]> {
  let state: Awaited<ReturnType<typeof lstat>>;
  try {
    state = await lstat(path);
  } catch (error) {
    return [
      step.fail(
        `${path}: ${systemReason(error)}`,
        'start the agent; in another container, mount the directory of the socket there, too',
      ),
    ];
  }
  if (!state.isSocket()) {
    return [
      step.fail(`${path} is not a socket`, 'remove the file, and start the agent: it never replaces another kind'),
    ];
  }
  const octal = (state.mode & 0o7777).toString(8).padStart(4, '0');
  const ok = step.ok(`${path}: mode ${octal}, uid ${state.uid}, gid ${state.gid}`);
  if (octal !== mode) {
    return [
      step.warn(
        `${path}: mode ${octal}, uid ${state.uid}, gid ${state.gid}; expected mode ${mode}`,
        'an Envoy without write permission cannot connect: compare --socket-mode, and start the agent again',
      ),
    ];
  }
  if (group === undefined || group === state.gid) return [ok];
  const advice = 'an Envoy of that group cannot connect: start the agent again with this --socket-group';
  return [step.warn(`${path}: gid ${state.gid}, expected ${group}`, advice)];
}

async function examineAnswer(path: string): Promise<Finding> {
  const refusal = await connectOnce(path);
  if (refusal !== undefined) return refusal;
  const client = openUnixGrpcClient(path);
  try {
    const serving = await askHealth(client, TIMEOUT_MS);
    if (serving === 'SERVING') return step.ok('an agent answers, and serves a valid certificate (SERVING)');
    return step.fail(
      `an agent answers, and has no valid certificate yet (${serving})`,
      'the steps below say why; so does its log',
    );
  } catch (error) {
    return unanswered(error);
  } finally {
    client.close();
  }
}

function unanswered(error: unknown): Finding {
  if (error instanceof CallFailure && error.code === status.UNIMPLEMENTED) {
    return step.warn('a gRPC server without a health service answers', "it is not sidecert's agent: compare --socket");
  }
  if (error instanceof CallFailure && error.code === status.DEADLINE_EXCEEDED) {
    return step.fail(
      `no answer within ${TIMEOUT_MS / 1000} s`,
      'the process is stopped or overloaded, or does not speak gRPC: look at its CPU and its log',
    );
  }
  return step.fail(
    `what answers does not speak gRPC: ${messageOf(error)}`,
    'compare --socket with the settings of the agent',
  );
}

/** Connects as an Envoy of this user would. */
function connectOnce(path: string): Promise<Finding | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const isStale = error.code === 'ECONNREFUSED';
      resolve(
        isStale
          ? step.fail(
              'ECONNREFUSED: the file is left from a process that has ended',
              'start the agent: it replaces the file',
            )
          : step.fail(
              `cannot connect: ${systemReason(error)}`,
              'run as its user or in its group: --socket-mode and --socket-group of the agent decide who may',
            ),
      );
    });
  });
}
