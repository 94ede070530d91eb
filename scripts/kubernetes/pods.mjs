import { setTimeout as delay } from 'node:timers/promises';
import { SetupError } from '../setup/run.mjs';

const POLL_MS = 250;

/** How the published task finds the pod of an application, and what one may ask of its containers. */
export class Pods {
  #cluster;

  constructor(cluster) {
    this.#cluster = cluster;
  }

  /** The one pod of `app` in `namespace`, as the API server has it. */
  async get(namespace, app) {
    const text = await this.#cluster.kubectl(['get', 'pod', '-l', `app=${app}`, '-n', namespace, '-o', 'json']);
    const pods = JSON.parse(text).items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (pods.length !== 1) throw new SetupError(`${app}.${namespace}: got ${pods.length} pods, expected one`);
    return pods[0];
  }

  async exec(namespace, app, container, command, { timeoutMs } = {}) {
    const { metadata } = await this.get(namespace, app);
    const args = ['exec', metadata.name, '-c', container, '-n', namespace, '--', ...command];
    return this.#cluster.kubectl(args, { timeoutMs });
  }

  /** What goes on in a namespace, when something in it did not come: its pods, its events, their last log lines, the node. */
  async account(namespace) {
    const lines = [];
    for (const args of [
      ['get', 'pods', '-o', 'wide'],
      ['get', 'events', '--sort-by=.lastTimestamp'],
    ]) {
      lines.push((await this.#cluster.enter(['kubectl', ...args, '-n', namespace])).output.trimEnd());
    }
    const names = await this.#cluster.enter(['kubectl', 'get', 'pods', '-n', namespace, '-o', 'name']);
    for (const name of names.output.trim().split('\n')) {
      const logs = ['kubectl', 'logs', name, '-n', namespace, '--all-containers', '--prefix', '--tail=5'];
      lines.push((await this.#cluster.enter(logs)).output.trimEnd());
    }
    lines.push((await this.#cluster.enter(['kubectl', 'describe', 'nodes'])).output.trimEnd());
    return lines.join('\n');
  }

  /** The serial number of the certificate that an Envoy serves; `undefined` before it has one. */
  async serial(namespace, app) {
    const text = await this.#admin(namespace, app, 'certs');
    return JSON.parse(text).certificates.flatMap(({ cert_chain: chain }) => chain)[0]?.serial_number;
  }

  /** Seconds since an Envoy has started. */
  async uptime(namespace, app) {
    const info = JSON.parse(await this.#admin(namespace, app, 'server_info'));
    return Number.parseInt(info.uptime_current_epoch, 10);
  }

  /** Resolves with the serial of another certificate than `serial`, once an Envoy serves one. */
  async nextSerial(namespace, app, serial, limitMs) {
    const deadline = Date.now() + limitMs;
    while (Date.now() < deadline) {
      const now = await this.serial(namespace, app);
      if (now !== undefined && now !== serial) return now;
      await delay(POLL_MS);
    }
    throw new SetupError(`${app}.${namespace}: no certificate after ${serial} came within ${limitMs / 1000} s`);
  }

  /** How often each container of a pod was restarted, by name. */
  async restarts(namespace, app) {
    const { status } = await this.get(namespace, app);
    const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    return Object.fromEntries(containers.map(({ name, restartCount }) => [name, restartCount]));
  }

  /** The process of a container, as the node's own processes see it. */
  async pid(namespace, app, container) {
    const { status } = await this.get(namespace, app);
    const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    const id = all.find(({ name }) => name === container)?.containerID?.replace('containerd://', '');
    const ctr = ['ctr', '--address', '/run/containerd/containerd.sock', '--namespace', 'k8s.io', 'tasks', 'list'];
    const { output } = await this.#cluster.enter(ctr);
    const line = output.split('\n').find((text) => id !== undefined && text.startsWith(id));
    if (line === undefined) throw new SetupError(`${app}.${namespace}: its container ${container} does not run`);
    return Number(line.split(/\s+/)[1]);
  }

  #admin(namespace, app, page) {
    return this.exec(namespace, app, 'istio-proxy', ['curl', '-s', `http://127.0.0.1:15000/${page}`]);
  }
}
