/**
 * agent/pod-sockets: identity by socket. A directory of a node has one for each of its pods, with the pod's token; the
 * agent puts a socket there, and what connects to that is the pod.
 */
export { judgeDirectory, readPodToken } from './pod-directory.js';
export { PodSockets, type PodSocketsStatus } from './pod-sockets.js';
