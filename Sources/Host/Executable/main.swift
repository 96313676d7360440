print("jack")
