module sidecert.test/path-judge

go 1.22
