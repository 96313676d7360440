import Host

await JackHost.main()
