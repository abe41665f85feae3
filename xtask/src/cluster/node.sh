#!/bin/bash
# Process 1 of the node, in a process and a mount namespace of its own: whatever a daemon starts or mounts ends with it.
# /run and /var are the node's, as kubelet and containerd have paths there that no option changes.
set -eu
# Before all else: a process 1 ignores signals that it has no handler for.
trap 'exit 0' TERM
export PATH="$PROGRAMS:$PATH"

mount --make-rprivate /
mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "$NODE"/{var,var-work,log,etcd}
mount -t overlay -o "lowerdir=/var,upperdir=$NODE/var,workdir=$NODE/var-work" overlay /var
mkdir -p /var/log/pods /var/log/containers

# Kubelet takes only a control group that is there, under every controller; one for cpusets begins without a processor.
for controller in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if [ -e "$controller/cgroup.procs" ]; then
        mkdir -p "$controller/$CGROUP"
        for of in cpuset.cpus cpuset.mems; do
            if [ -e "$controller/cpuset.cpu_exclusive" ]; then cat "$controller/$of" >"$controller/$CGROUP/$of"; fi
        done
    fi
done

declare -A names
daemon() {
    "$@" >"$NODE/log/$1.log" 2>&1 </dev/null &
    names[$!]=$1
}
# The first daemon that ends takes the node with it, and says why.
watch() {
    while :; do
        local status=0 ended=
        wait -n -p ended || status=$?
        if [ -n "${ended:-}" ] && [ -n "${names[$ended]:-}" ]; then
            echo "${names[$ended]} ended with exit code $status:"
            tail -n 6 "$NODE/log/${names[$ended]}.log"
            exit 1
        fi
    done
}

daemon etcd --name node --data-dir "$NODE/etcd" --listen-client-urls "https://127.0.0.1:$ETCD_PORT" \
    --advertise-client-urls "https://127.0.0.1:$ETCD_PORT" --listen-peer-urls "http://127.0.0.1:$PEER_PORT" \
    --initial-advertise-peer-urls "http://127.0.0.1:$PEER_PORT" --initial-cluster "node=http://127.0.0.1:$PEER_PORT" \
    --client-cert-auth --trusted-ca-file "$PKI/ca.crt" --cert-file "$PKI/server.crt" --key-file "$PKI/server.key"
daemon docker-registry serve "$NODE/registry.yml"
daemon containerd --config "$NODE/containerd.toml"
daemon kube-apiserver --bind-address 127.0.0.1 --secure-port "$API_PORT" \
    --advertise-address "$GATEWAY" --endpoint-reconciler-type none --service-cluster-ip-range "$SERVICES" \
    --etcd-servers "https://127.0.0.1:$ETCD_PORT" --etcd-cafile "$PKI/ca.crt" \
    --etcd-certfile "$PKI/apiserver.crt" --etcd-keyfile "$PKI/apiserver.key" \
    --tls-cert-file "$PKI/server.crt" --tls-private-key-file "$PKI/server.key" --client-ca-file "$PKI/ca.crt" \
    --kubelet-certificate-authority "$PKI/ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$PKI/apiserver.crt" --kubelet-client-key "$PKI/apiserver.key" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --anonymous-auth=false \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-signing-key-file "$PKI/accounts.key" --service-account-key-file "$PKI/accounts.pub"

# Meanwhile: no registry has the image of pods' first process, so it is made here.
mkdir -p "$NODE/pause"
tar -C "$PROGRAMS" -cf "$NODE/pause/layer.tar" pause
layer=$(sha256sum <"$NODE/pause/layer.tar")
cat >"$NODE/pause/config.json" <<END
{"architecture": "$(dpkg --print-architecture)", "os": "linux", "config": {"Entrypoint": ["/pause"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:${layer%% *}"]}}
END
cat >"$NODE/pause/manifest.json" <<END
[{"Config": "config.json", "RepoTags": ["$PAUSE"], "Layers": ["layer.tar"]}]
END
tar -C "$NODE/pause" -cf "$NODE/pause.tar" .
until ctr --namespace k8s.io images import "$NODE/pause.tar" >"$NODE/log/import.log" 2>&1; do
    sleep 0.2
done

until kubectl --kubeconfig "$NODE/admin.kubeconfig" get --raw /readyz >/dev/null 2>&1; do
    # A daemon that has ended would be waited for in vain.
    for process in "${!names[@]}"; do kill -0 "$process" 2>/dev/null || watch; done
    sleep 0.2
done
daemon kube-controller-manager --kubeconfig "$NODE/controllers.kubeconfig" --use-service-account-credentials \
    --service-account-private-key-file "$PKI/accounts.key" --root-ca-file "$PKI/ca.crt" \
    --leader-elect=false --port 0 --secure-port 0
daemon kube-scheduler --kubeconfig "$NODE/scheduler.kubeconfig" --leader-elect=false --port 0 --secure-port 0
daemon kubelet --config "$NODE/kubelet.json" --kubeconfig "$NODE/kubelet.kubeconfig" --root-dir "$NODE/kubelet" \
    --hostname-override "$NODE_NAME" --node-ip "$GATEWAY" --container-runtime remote \
    --container-runtime-endpoint unix:///run/containerd/containerd.sock --pod-infra-container-image "$PAUSE"
watch
