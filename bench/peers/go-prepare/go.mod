module sidecert.dev/bench/go-prepare

go 1.21
