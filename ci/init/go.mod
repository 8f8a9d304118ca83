module ci.local/init

go 1.24
