module catalyst/sidecar

go 1.25
