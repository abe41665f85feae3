mkdir -p "$DESTDIR$PREFIX/bin"
for program in kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl pause; do
    install -m 0755 "_bin/$program" "$DESTDIR$PREFIX/bin/$program"
done
