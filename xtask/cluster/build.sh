# With `go` itself, in a GOPATH: Kubernetes's own Makefile compiles a dozen generators first, for files that are in the
# source already. Only one is not.
root=$PWD
export GOPATH=$root/_gopath GOCACHE=$root/_gocache GO111MODULE=off CGO_ENABLED=0 GOFLAGS=-trimpath
mkdir -p "$GOPATH/src/k8s.io"
ln -s "$root" "$GOPATH/src/k8s.io/kubernetes"
cd "$GOPATH/src/k8s.io/kubernetes"
package=k8s.io/kubernetes

go build -o _bin/openapi-gen $package/vendor/k8s.io/kube-openapi/cmd/openapi-gen
# The packages that Makefile.generated_files names; those in staging/ by the name that vendor/ has for them.
tagged=$(grep -rl --include='*.go' -e '+k8s:openapi-gen=' pkg cmd plugin staging/src/k8s.io |
    grep -v -e /code-generator/ -e /sample-apiserver/ -e /generated/ |
    sed -e 's,^staging/src/,vendor/,' -e 's,/[^/]*$,,' -e "s,^,$package/," | sort -u | paste -s -d,)
# A program that was built with -trimpath has to be told where Go's own packages are.
GOROOT=$(go env GOROOT) _bin/openapi-gen -i "$tagged" -p $package/pkg/generated/openapi -O zz_generated.openapi \
    -h hack/boilerplate/boilerplate.generatego.txt -r _violations

version=
for of in client-go/pkg/version component-base/version; do
    of="-X $package/vendor/k8s.io/$of"
    version="$version $of.gitVersion=v$FARM_VERSION $of.gitMajor=1 $of.gitMinor=20 $of.gitTreeState=clean"
done
go build -p "$FARM_PARALLEL" -o _bin/ -ldflags "-s -w $version" \
    $package/cmd/kube-apiserver $package/cmd/kube-controller-manager $package/cmd/kube-scheduler \
    $package/cmd/kubelet $package/cmd/kubectl

gcc -Os -static -o _bin/pause build/pause/linux/pause.c
