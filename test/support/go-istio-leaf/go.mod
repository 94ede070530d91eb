module sidecert.test/istio-leaf

go 1.22
