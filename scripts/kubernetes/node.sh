#!/bin/bash
# The first process of the one-node cluster, inside namespaces of its own (mounts, network, processes): moves into control groups
# of its own, makes the node of all that, and starts Kubernetes on it. cluster.mjs starts this.
#
#   NODE_STATE   folder for all that the cluster writes     NODE_CNI   folder with the plugins for pods' networks
#   NODE_GROUP   name of its control groups
#   NODE_SIGN    RS256 or ES256: what the API server signs tokens of service accounts with; the programs are on the PATH
set -euo pipefail
cd "$NODE_STATE"

### Control groups. Two kubelets in the same one would remove the groups of each other's pods.
if [ "${1:-}" != grouped ]; then
  if [ "$(grep -c . /proc/self/cgroup)" = 1 ]; then
    # Of version 2, a group without processes is wanted above it: the first one is.
    group=/sys/fs/cgroup/$NODE_GROUP
    echo "$group" >groups && mkdir "$group"
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
      # In a container with a cgroup namespace of its own it is no root for the kernel, and holds the container's processes.
      # (Control Group v2, "No Internal Process Constraint")
      echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || {
        echo "control groups: the controller $controller cannot be given to the cluster, since /sys/fs/cgroup holds" \
          "processes: expected the root of the machine (docker run --cgroupns=host), or a group without processes" >&2
        exit 1
      }
    done
    echo 0 >"$group/cgroup.procs"
  else
    mapfile -t memberships </proc/self/cgroup # at once: it changes with each step below
    for membership in "${memberships[@]}"; do
      IFS=: read -r number controllers path <<<"$membership"
      case $number:$controllers in 0:*|*name=*) continue ;; esac
      parent=/sys/fs/cgroup/$controllers$path
      [ -d "$parent" ] || parent=/sys/fs/cgroup/$controllers # in a container it may be the container's own
      group=$parent/$NODE_GROUP
      echo "$group" >>groups && mkdir "$group"
      # This kind takes no process before it has these.
      for file in cpuset.cpus cpuset.mems; do
        [ ! -e "$group/$file" ] || cat "$parent/$file" >"$group/$file"
      done
      echo 0 >"$group/cgroup.procs"
    done
  fi
  exec unshare --cgroup "$0" grouped
fi

pki=$NODE_STATE/pki admin=$NODE_STATE/pki/admin.kubeconfig
node_ip=172.31.255.1 service_ip=10.96.0.1 api=https://172.31.255.1:6443

### Mounts, control groups and network that are the node's alone.
mount --make-rprivate /
umount --recursive /sys && mount -t sysfs sysfs /sys # of our network, and without the machine's control groups
if [ "$(grep -c . /proc/self/cgroup)" = 1 ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  # Of version 2, a group with children may hold no process of its own.
  mkdir -p /sys/fs/cgroup/node && echo 0 >/sys/fs/cgroup/node/cgroup.procs
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
  done
else
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  while IFS=: read -r number controllers _; do
    case $number:$controllers in 0:*|*name=*) continue ;; esac
    mkdir "/sys/fs/cgroup/$controllers" && mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers"
    case $controllers in
      *,*) for controller in ${controllers//,/ }; do ln -s "$controllers" "/sys/fs/cgroup/$controller"; done ;;
    esac
  done </proc/self/cgroup
fi
mount --make-rshared / # containers have to see the kubelet's volumes
mount -t tmpfs tmpfs /run && mkdir -p /run/lock /run/containerd
mount -t tmpfs tmpfs /var/log
# Paths that the kubelet has built in: an overlay, so that the machine's own /var/lib gets no folder of ours.
mkdir -p var-lib/{upper,work,kubelet}
mount -t overlay -o "lowerdir=/var/lib,upperdir=$NODE_STATE/var-lib/upper,workdir=$NODE_STATE/var-lib/work" overlay /var/lib
mkdir -p /var/lib/kubelet && mount --bind var-lib/kubelet /var/lib/kubelet
hostname node
# Settings of the whole machine which the kubelet wants otherwise: it is shown what it wants, and sets nothing.
show() { # SETTING VALUE
  [ "$(cat "/proc/sys/$1" 2>/dev/null || echo "$2")" = "$2" ] && return
  echo "$2" >"sysctl-${1//\//-}" && mount --bind "sysctl-${1//\//-}" "/proc/sys/$1"
}
show vm/overcommit_memory 1
show vm/panic_on_oom 0
show kernel/panic 10
show kernel/panic_on_oops 1
show kernel/keys/root_maxkeys 1000000
show kernel/keys/root_maxbytes 25000000
ip link set lo up
# A bridge without ports, since not every kernel has a dummy interface.
ip link add node0 type bridge && ip address add $node_ip/24 dev node0 && ip link set node0 up
ip route add default dev node0
echo 1 >/proc/sys/net/ipv4/ip_forward

### Certificates and kubeconfigs.
mkdir -p "$pki" && cd "$pki"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
issue() { # NAME SUBJECT EXTENSIONS
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile <(printf '%b' "$3") \
    -out "$1.crt" 2>/dev/null
}
kubeconfig() { # NAME
  cat >"$1.kubeconfig" <<K
{apiVersion: v1, kind: Config, current-context: c,
 clusters: [{name: c, cluster: {server: "$api", certificate-authority: $pki/ca.crt}}],
 users: [{name: u, user: {client-certificate: $pki/$1.crt, client-key: $pki/$1.key}}],
 contexts: [{name: c, context: {cluster: c, user: u}}]}
K
}
key ca && openssl req -x509 -new -key ca.key -subj /CN=cluster-ca -days 30 -out ca.crt
names="DNS:kubernetes.default.svc,DNS:kubernetes.default,DNS:kubernetes.default.svc.cluster.local"
issue server /CN=kube-apiserver \
  "subjectAltName=$names,IP:$node_ip,IP:127.0.0.1,IP:$service_ip\nextendedKeyUsage=serverAuth"
issue kubelet-server /CN=node "subjectAltName=DNS:node,IP:$node_ip\nextendedKeyUsage=serverAuth"
client='extendedKeyUsage=clientAuth'
issue admin /O=system:masters/CN=admin $client
issue controllers /CN=system:kube-controller-manager $client
issue scheduler /CN=system:kube-scheduler $client
issue proxy /CN=system:kube-proxy $client
issue kubelet /O=system:nodes/CN=system:node:node $client
if [ "${NODE_SIGN:-RS256}" = ES256 ]; then key service-accounts
else openssl genrsa -out service-accounts.key 2048 2>/dev/null; fi
openssl pkey -in service-accounts.key -pubout -out service-accounts.pub
for name in admin controllers scheduler proxy kubelet; do kubeconfig $name; done
cd ..

### Programs.
start() { local name=$1; shift; "$@" >"log/$name.log" 2>&1 & }
# One that is started again when it ends, as a service manager does.
keep() { local name=$1; shift; while :; do "$@" || sleep 0.2; done >>"log/$name.log" 2>&1 & }
api_says() { kubectl --kubeconfig "$admin" "$@" 2>/dev/null; }

start etcd etcd --data-dir etcd --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 \
  --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380
start apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --advertise-address=$node_ip \
  --secure-port=6443 --tls-cert-file="$pki/server.crt" --tls-private-key-file="$pki/server.key" \
  --client-ca-file="$pki/ca.crt" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --kubelet-preferred-address-types=InternalIP --kubelet-client-certificate="$pki/admin.crt" \
  --kubelet-client-key="$pki/admin.key" --kubelet-certificate-authority="$pki/ca.crt" \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local \
  --service-account-key-file="$pki/service-accounts.pub" \
  --service-account-signing-key-file="$pki/service-accounts.key" \
  --service-cluster-ip-range=10.96.0.0/16 --allow-privileged=true

mkdir -p cni containerd
cat >cni/10-pods.conflist <<K
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam",
  "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
K
# A sandbox wants the score -998 of the killer of processes. Without CAP_SYS_RESOURCE, runc then ends with "can't get final child's PID".
cat >containerd/config.toml <<K
version = 3
root = "$NODE_STATE/containerd/root"
state = "/run/containerd/state"
oom_score = 0
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["$NODE_CNI"]
  conf_dir = "$NODE_STATE/cni"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "local/pause:1"
K
start containerd containerd --config containerd/config.toml

until api_says get --raw /readyz >/dev/null; do sleep 0.1; done
start controllers kube-controller-manager --kubeconfig="$pki/controllers.kubeconfig" --use-service-account-credentials \
  --leader-elect=false --service-account-private-key-file="$pki/service-accounts.key" --root-ca-file="$pki/ca.crt" \
  --bind-address=127.0.0.1
start scheduler kube-scheduler --kubeconfig="$pki/scheduler.kubeconfig" --leader-elect=false --bind-address=127.0.0.1
cat >kubelet.yaml <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [$node_ip]
clusterDomain: cluster.local
resolvConf: ""
enforceNodeAllocatable: [pods]
failSwapOn: false
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet-server.crt
tlsPrivateKeyFile: $pki/kubelet-server.key
imageMaximumGCAge: 0s
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi}
syncFrequency: 5s
nodeStatusUpdateFrequency: 2s
K
keep kubelet kubelet --config kubelet.yaml --kubeconfig "$pki/kubelet.kubeconfig" --node-ip $node_ip --hostname-override node
cat >proxy.yaml <<K
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $pki/proxy.kubeconfig}
mode: nftables
clusterCIDR: 10.244.0.0/24
hostnameOverride: node
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
K
start proxy kube-proxy --config proxy.yaml
start dns dns --kubeconfig "$admin" --listen $node_ip:53

until [ "$(api_says get node node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ] &&
  api_says get serviceaccount default -n default >/dev/null; do sleep 0.1; done
touch ready
# As the first process it reaps what is left to it.
while :; do wait -n || true; sleep 1; done
