/**
 * The images that pods of the cluster ask for, by the names that the samples and `sidecert kube-inject` give them: public
 * ones, for which the cluster has images of its own.
 */
export const IMAGES = {
  pause: 'local/pause:1',
  sidecert: 'sidecert/sidecert:0.1.0',
  envoy: 'envoyproxy/envoy:v1.40.0',
  capture: 'registry.k8s.io/kube-proxy:v1.37.2',
  // For `--capture iptables`: any with a shell and these programs.
  iptables: 'local/iptables:1',
  sleep: 'curlimages/curl:8.16.0',
  httpbin: 'mccutchen/go-httpbin:v2.15.0',
};
