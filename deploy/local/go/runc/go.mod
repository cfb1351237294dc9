module catalyst.local/runc

go 1.24
