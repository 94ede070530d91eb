import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SetupError } from '../setup/run.mjs';
import { Pods } from './pods.mjs';

/** Of the certificates of the play, so that one sees rotations: renewed at half of it. */
export const TTL_SECONDS = 60;

const NAMESPACES = ['foo', 'bar'];

/** What the user types, word for word; the samples and their names are those of the published task. */
const INSTALL = ['kubectl apply -f deploy/sidecert-sds.yaml'];

const APPLY = NAMESPACES.flatMap((namespace) => [
  `kubectl create ns ${namespace}`,
  `kubectl apply -f <(sidecert kube-inject -f samples/httpbin/httpbin.yaml) -n ${namespace}`,
  `kubectl apply -f <(sidecert kube-inject -f samples/sleep/sleep.yaml) -n ${namespace}`,
]);

/** The published task's own line. */
const LOOP = readFileSync(new URL('loop.sh', import.meta.url), 'utf8').trim();

const CLEAN = ['kubectl delete ns foo bar', 'kubectl delete -f deploy/sidecert-sds.yaml'];

/** Generous: reached only when something never comes. */
const LIMIT_MS = 120_000;

/** What a PEM of a private key begins with. */
const KEY_PATTERN = 'BEGIN ([A-Z]+ )?PRIVATE KEY';

/** A key that the search must find, so that a search without a result says something. */
const PLANTED = '/dev/shm/planted';

/** The published task on a cluster, and the checks of what it promises. `say` takes a line for the user. */
export class Play {
  #cluster;
  #pods;
  #say;
  #shell;
  #held = 0;
  #failed = 0;

  constructor({ cluster, say, shell }) {
    this.#cluster = cluster;
    this.#pods = new Pods(cluster);
    this.#say = say;
    this.#shell = shell;
  }

  /** The sum of the checks so far. */
  get sum() {
    return { held: this.#held, failed: this.#failed };
  }

  async install() {
    await this.#type(INSTALL);
    await this.#rollout('istio-system');
  }

  async apply() {
    await this.#type(APPLY);
    for (const namespace of NAMESPACES) await this.#rollout(namespace);
  }

  async check() {
    await this.#check('every client reaches every server over mutual TLS', () => this.#matrix());
    await this.#check('httpbin.foo sees who calls', () => this.#callers());
    await this.#check('a client without a certificate is refused', () => this.#plainText());
    await this.#check('no file of a workload holds a private key', () => this.#noKeys());
    await this.#check('no Secret but that of Citadel', () => this.#secrets());
    await this.#check('certificates rotate under load without a restart', () => this.#rotation());
    await this.#check('an agent that was killed serves again, and no request fails', () => this.#agentKilled());
    await this.#check('Citadel is replaced, and no request fails', () => this.#citadelKilled());
    await this.#check('the kubelet renews the token, and the agent goes on with it', () => this.#tokenRenewed());
  }

  async clean() {
    await this.#type(CLEAN);
    await this.#check('nothing is left', () => this.#nothingLeft());
  }

  async #type(lines) {
    for (const line of lines) {
      this.#say(`$ ${line}`);
      await this.#shell(line);
    }
  }

  async #rollout(namespace) {
    const list = await this.#cluster.kubectl(['get', 'deployment', '-n', namespace, '-o', 'name']);
    const limit = `--timeout=${LIMIT_MS / 1000}s`;
    for (const deployment of list.trim().split('\n')) {
      const { code, output } = await this.#cluster.enter([
        ...['kubectl', 'rollout', 'status', deployment, '-n', namespace, limit],
      ]);
      if (code !== 0) throw new SetupError(`${deployment}: ${output.trim()}\n${await this.#pods.account(namespace)}`);
    }
  }

  /** Runs `what`, which resolves with what was seen, and throws when it is not as it should be. */
  async #check(title, what) {
    try {
      this.#say(`ok    ${title}: ${await what()}`);
      this.#held += 1;
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      this.#say(`FAIL  ${title}: ${error.message}`);
      this.#failed += 1;
    }
  }

  async #matrix() {
    this.#say(`$ ${LOOP}`);
    const output = await this.#shell(LOOP);
    const good = output.match(/: 200$/gm)?.length ?? 0;
    assert(good === NAMESPACES.length ** 2, `got ${good} times 200, expected ${NAMESPACES.length ** 2}:\n${output}`);
    return `${good} of ${good} requests answered 200`;
  }

  async #callers() {
    for (const namespace of NAMESPACES) {
      const seen = await this.#curl(namespace, ['-s', 'http://httpbin.foo:8000/headers']);
      const wanted = `URI=spiffe://cluster.local/ns/${namespace}/sa/sleep`;
      assert(seen.includes(wanted), `expected ${wanted}, got ${seen}`);
    }
    return NAMESPACES.map((namespace) => `spiffe://cluster.local/ns/${namespace}/sa/sleep`).join(', ');
  }

  /** Past the client's own Envoy: the node is not in the mesh. */
  async #plainText() {
    const { status } = await this.#pods.get('foo', 'httpbin');
    const url = `http://${status.podIP}:80/ip`;
    const { code, output } = await this.#cluster.enter(['curl', '-sS', '--max-time', '5', url]);
    assert(code !== 0, `${url} answered plain HTTP: ${output}`);
    return `plain HTTP to ${url}: ${output.trim()}`;
  }

  async #noKeys() {
    const inPods = [];
    for (const namespace of NAMESPACES) {
      for (const app of ['sleep', 'httpbin']) inPods.push(await this.#searchPod(namespace, app));
    }
    // And from the node: all volumes of all pods, and what containers have written into layers of their own.
    const layers = 'mount -t overlay | grep -o "upperdir=[^,)]*" | cut -d= -f2';
    const script = `for d in /var/lib/kubelet/pods $(${layers}); do grep -rlsE '${KEY_PATTERN}' $d; done; true`;
    const { output } = await this.#cluster.enter(['bash', '-c', script]);
    assert(output.trim() === '', `seen from the node: ${output.trim()}`);
    return `${inPods.length} sidecars and all volumes and layers of the node were searched; a planted one was found`;
  }

  async #searchPod(namespace, app) {
    const proxy = (script) => this.#pods.exec(namespace, app, 'istio-proxy', ['/bin/bash', '-c', script]);
    const certs = await proxy('ls /etc/certs 2>&1 || true');
    assert(certs.includes('No such file'), `/etc/certs is there: ${certs}`);
    // Programs and libraries hold these words themselves.
    const leftOut = ['proc', 'sys', 'lib', 'bin'].map((name) => `--exclude-dir=${name}`).join(' ');
    const search = async () => (await proxy(`grep -rlsE '${KEY_PATTERN}' / ${leftOut} --exclude=bash || true`)).trim();
    await proxy(`echo '-----BEGIN PRIVATE KEY-----' > ${PLANTED}`);
    const planted = await search();
    await proxy(`rm ${PLANTED}`);
    assert(planted === PLANTED, `${app}.${namespace}: expected ${PLANTED} to be found, got ${planted || 'nothing'}`);
    const found = await search();
    assert(found === '', `${app}.${namespace}: ${found}`);
    return app;
  }

  async #secrets() {
    const output = await this.#cluster.kubectl(['get', 'secrets', '-A', '-o', 'json']);
    const names = JSON.parse(output).items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    const others = names.filter((name) => !name.startsWith('istio-system/'));
    assert(others.length === 0, `got ${others.join(', ')}`);
    return names.join(', ') || 'none at all';
  }

  async #rotation() {
    const before = await this.#pods.serial('foo', 'sleep');
    const { codes } = await this.#underLoad(() => this.#pods.nextSerial('foo', 'sleep', before, TTL_SECONDS * 1000));
    const after = await this.#pods.serial('foo', 'sleep');
    const restarts = await this.#pods.restarts('foo', 'sleep');
    const count = Object.values(restarts).reduce((sum, one) => sum + one, 0);
    assert(count === 0, `containers were restarted: ${JSON.stringify(restarts)}`);
    return `serial ${short(before)} -> ${short(after)}, Envoy up ${await this.#pods.uptime('foo', 'sleep')} s, ${codes}`;
  }

  async #agentKilled() {
    const agent = 'sidecert-agent';
    const { codes, result } = await this.#underLoad(async () => {
      const before = await this.#pods.serial('foo', 'sleep');
      const pid = await this.#pods.pid('foo', 'sleep', agent);
      const killedMs = Date.now();
      await this.#cluster.enter(['kill', '-KILL', `${pid}`]);
      const next = await this.#pods.nextSerial('foo', 'sleep', before, TTL_SECONDS * 1000);
      const seconds = ((Date.now() - killedMs) / 1000).toFixed(1);
      return `serial ${short(before)} -> ${short(next)} after ${seconds} s`;
    });
    const { [agent]: restarts } = await this.#pods.restarts('foo', 'sleep');
    assert(restarts === 1, `the agent was restarted ${restarts} times, expected once`);
    return `${result}, ${codes}`;
  }

  async #citadelKilled() {
    const { codes, result } = await this.#underLoad(async () => {
      await this.#cluster.kubectl([
        'delete',
        'pod',
        '-l',
        'app.kubernetes.io/component=citadel',
        '-n',
        'istio-system',
        '--now',
      ]);
      await this.#rollout('istio-system');
      const before = await this.#pods.serial('bar', 'sleep');
      const next = await this.#pods.nextSerial('bar', 'sleep', before, TTL_SECONDS * 1000);
      return `serial ${short(before)} -> ${short(next)} from the new one`;
    });
    return `${result}, ${codes}`;
  }

  /** A kubelet that starts has no token of a pod and asks for a new one, as it does at 80 % of a token's life. */
  async #tokenRenewed() {
    const { metadata } = await this.#pods.get('foo', 'sleep');
    const digest = async () => {
      const script = `cat /var/lib/kubelet/pods/${metadata.uid}/volumes/kubernetes.io~projected/*/istio-token | sha256sum`;
      return (await this.#cluster.enter(['bash', '-c', script])).output.trim();
    };
    const old = await digest();
    await this.#cluster.enter(['pkill', '-KILL', '-x', 'kubelet']);
    const deadline = Date.now() + LIMIT_MS;
    while ((await digest()) === old) {
      assert(Date.now() < deadline, `the kubelet has not renewed it within ${LIMIT_MS / 1000} s`);
      await delay(500);
    }
    const before = await this.#pods.serial('foo', 'sleep');
    const next = await this.#pods.nextSerial('foo', 'sleep', before, TTL_SECONDS * 1000);
    return `serial ${short(before)} -> ${short(next)} with the new token`;
  }

  async #nothingLeft() {
    const kinds = 'namespaces,clusterroles,clusterrolebindings,mutatingwebhookconfigurations';
    const output = await this.#cluster.kubectl(['get', kinds, '-o', 'name']);
    const ours = output.split('\n').filter((name) => /sidecert|citadel|\/(foo|bar|istio-system)$/.test(name));
    assert(ours.length === 0, `still there: ${ours.join(', ')}`);
    return 'no namespace, role or webhook of it';
  }

  /** Runs `work` while sleep.foo calls httpbin.bar; every request must be answered with 200. */
  async #underLoad(work) {
    const stop = new AbortController();
    const load = this.#load(stop.signal);
    // Heard below; a failure of `work` comes first.
    load.catch(() => {});
    let result;
    try {
      result = await work();
    } finally {
      stop.abort();
    }
    const codes = await load;
    const failed = codes.filter((code) => code !== '200');
    assert(
      failed.length === 0,
      `${failed.length} of ${codes.length} requests were not answered with 200: ${failed[0]}`,
    );
    assert(codes.length > 0, 'no request was made');
    return { result, codes: `${codes.length} requests, 0 failed` };
  }

  async #load(signal) {
    const codes = [];
    const loop =
      'for i in $(seq 50); do curl -s -o /dev/null -w "%{http_code}\\n" http://httpbin.bar:8000/ip; sleep 0.05; done';
    while (!signal.aborted) {
      const output = await this.#pods.exec('foo', 'sleep', 'sleep', ['/bin/sh', '-c', loop]);
      codes.push(...output.trim().split('\n'));
    }
    return codes;
  }

  #curl(namespace, args) {
    return this.#pods.exec(namespace, 'sleep', 'sleep', ['curl', ...args]);
  }
}

function assert(condition, message) {
  if (!condition) throw new SetupError(message);
}

function short(serial) {
  return serial === undefined ? 'none' : `${serial.slice(0, 8)}…`;
}
