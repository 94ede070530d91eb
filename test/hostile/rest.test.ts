import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { NO_ADDON } from '../hotpath/implementations.js';
import { openSdsClient } from '../support/sds-client.js';
import { serveAgents, takeKey } from './agent-process.js';

const timeout = 250_000;
t.setTimeout(2 * timeout);

const BODY = JSON.stringify({ resource_names: ['ROOTCA'] });
const POLL = `POST /v3/discovery:secrets HTTP/1.1\r\nhost: x\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
const ELSEWHERE = 'GET /x HTTP/1.1\r\nhost: x\r\n\r\n';

for (const { hotPath, skip } of [
  { hotPath: 'native', skip: NO_ADDON },
  { hotPath: 'js', skip: false },
] as const) {
  t.test(
    `${hotPath}: a REST client has one request at a time, and one that pipelines is ended`,
    { timeout, skip },
    async (t) => {
      const agents = await serveAgents(t);
      const restSocket = `${agents.socket}.rest`;
      await agents.start({ args: ['--hot-path', hotPath, '--rest', 'bundles', '--rest-socket', restSocket] });
      const victim = openSdsClient(t, agents.socket);
      await takeKey(victim);
      const open = () => {
        const socket = connect(restSocket);
        t.teardown(() => socket.destroy());
        socket.on('error', () => {});
        return socket;
      };

      const polite = open();
      for (const index of [1, 2, 3]) {
        polite.write(POLL);
        const [answer] = await once(polite, 'data');
        t.match(String(answer), /^HTTP\/1\.1 200 /, `answer ${index} on one connection`);
      }

      for (const request of [POLL, ELSEWHERE]) {
        const hasty = open();
        let answers = '';
        hasty.on('data', (part) => {
          answers += part;
        });
        const closed = new Promise<void>((resolve) => hasty.once('close', () => resolve()));
        hasty.write(request.repeat(1000));
        await closed;
        t.ok((answers.match(/HTTP\/1\.1 /g) ?? []).length <= 1, 'not worked on');
      }
      await victim.roundTrip();
    },
  );
}
