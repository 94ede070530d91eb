import t from 'tap';
import { refusalGrounds } from '../../../src/agent/identity/index.js';

function setUp() {
  const files = new Map<string, () => void>();
  const lost = new Set<() => void>();
  let connect = (): void => {};
  const caClient = new Promise<{ onConnectionLost(listener: () => void): () => void }>((resolve) => {
    connect = () =>
      resolve({
        onConnectionLost(listener) {
          lost.add(listener);
          return () => void lost.delete(listener);
        },
      });
  });
  const changes = {
    onChange(path: string, listener: () => void) {
      files.set(path, listener);
      return () => void files.delete(path);
    },
  };
  const grounds = refusalGrounds({ files: changes, paths: ['/root.pem'], caClient });
  return { files, lost, grounds, connect, connected: () => caClient.then(() => {}) };
}

t.test('another root file and the end of a connection are told', async (t) => {
  const { files, lost, grounds, connect, connected } = setUp();
  let told = 0;
  const stop = grounds.onChange(() => {
    told += 1;
  });
  connect();
  await connected();
  files.get('/root.pem')?.();
  for (const listener of lost) listener();
  t.equal(told, 2);
  stop();
  stop();
  t.equal(files.size + lost.size, 0);
});

t.test('who has stopped before there is a client is not listed with it', async (t) => {
  const { files, lost, grounds, connect, connected } = setUp();
  grounds.onChange(() => {})();
  connect();
  await connected();
  t.equal(files.size + lost.size, 0);
});
