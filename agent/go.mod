module catalyst/agent

go 1.25
