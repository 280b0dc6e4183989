"""Example sentences an intent or a sentiment is known by; written for this project."""

from __future__ import annotations

from collections.abc import Mapping

from mm_demos.assistant.types import Intent, Sentiment


def _sentences(block: str) -> tuple[str, ...]:
    return tuple(sentence.strip() for line in block.strip().splitlines() for sentence in line.split(" | "))


INTENT_EXAMPLES: Mapping[Intent, tuple[str, ...]] = {
    "order status": _sentences(
        """
        Where is my order? | What is the status of order 2041? | When will my order arrive?
        Has order number 88 been shipped? | I ordered ten days ago and have not received anything yet. Where is it?
        track my package | Can you check order A-512 please? | Is my delivery on its way?
        How long until my parcel is delivered? | My order number is 3310.
        What day will the table I ordered be delivered? | Do you have a tracking number for my shipment?
        Which courier is bringing my order? | Look up my order, the number is 7755. | Was my order dispatched already?
        The tracking page has not changed for days, where is the parcel? | Any news about my delivery?
        has it been sent | Is order 41 still being processed? | When did you deliver my package?
        Let me know how far along my purchase is. | I would like an update on my order. | Find my order.
        My package should have come on Friday, is it late? | I still have not got my parcel.
        What is going on with my delivery? | Do you know where my things are? | When will it get here?
        Has my parcel been handed to the carrier? | Is it out for delivery?
        Which delivery company do you use for my parcel and where is it? | I'm waiting for my order, when does it come?
        Please check the status of my purchase. | The lamp I ordered last month has not come yet. | tracking number?
        order status please | Did my package get lost? | Is my order ready to be collected?
        What did I order, and when will I get it? | Have you packed my order?
        I placed an order on Sunday, how far is it? | Is the parcel late? | It was supposed to be here yesterday.
        Could you find out where my box is? | Please tell me the state of order number 12.
        How is my order coming along? | Shipment status for 4410 | My plants were due two days ago, do you know more?
        Can I see where my parcel is right now? | I wonder where the chair I ordered is.
        I have been waiting for the rug for weeks, what is the matter with it? | Why is my order taking so long?
        Can I come and pick up my order now? | Is my order waiting in the shop for me?
        I ordered a table and want to know when I may collect it. | On which day did my parcel arrive?
        Will it be here by Saturday? | The bowl was ordered on the third, has it left?
        My name is Paul, I am asking about my parcel. | It has been three weeks since I ordered the clock.
        Order 5120 has not come, where has it got to?
        """
    ),
    "refund": _sentences(
        """
        I want a refund. | I would like to return this item. | Can I get my money back for order 2041?
        Please refund order 310. | I want to send the jacket back.
        Can I still return the pan I bought three weeks ago? | The trousers are too small, I'd like to give them back.
        How do I get my money back for this order? | I don't like the carpet, can I return it?
        Am I still in time to return my order? | give me my money back
        I no longer want what I ordered, please pay me back. | How much money would I get for returning the radio?
        Start a return for order 77. | I bought the wrong size and want to exchange my money back.
        Is my order still refundable? | I'd like to cancel my order and be repaid. | Put the money back on my card.
        The gift was not liked, can I hand it back for a refund?
        Would I be able to return the knife set from my last order? | When does the return period of my order end?
        Can order 515 be returned today? | I opened the box, may I still return it? | I want to give the teapot back.
        Please take the cup back and refund me. | Can I return my plant? | I'd like a reimbursement.
        Refund me for the kettle please. | What will I be paid back if I return both lamps?
        Can I send back just one of the mugs from my order? | Is it too late for me to send it back?
        I got the tray as a present and want to return it. | How long do I still have to return what I bought?
        My order arrived last week, may I still return it? | The shoes are the wrong size for me, I want to return them.
        I have changed my mind, I do not want it any longer. | I'd like to get a refund to my credit card.
        Am I allowed to return the candle I bought? | I want to cancel order 33 and get my money.
        Please cancel my order. | Repay me for the coat. | how much do i get back for the bowl
        I bought a plant five days ago, can I give it back? | Could you refund what I paid?
        I need to return two plates from order 901. | Would you take my teapot back? | Can I undo my purchase?
        My order came two days ago and I would rather not keep it. | Can the jacket from order 640 go back?
        I bought the radio in June, is a return still possible? | I'd like to cancel order 771 before it is sent.
        Could I still get money for the tent in order 208? | The vase is not my taste, I will send it back.
        What would I be refunded for order 1201? | I want to return one of the two pots I bought.
        """
    ),
    "product question": _sentences(
        """
        What colours does the jacket come in? | Is the pan suitable for induction? | How big is the table?
        What does the radio cost? | Is the carpet washable? | Do you have this in a larger size?
        What material is the scarf? | How heavy is the tent? | Is the watch waterproof?
        Which of your bags is the lightest? | Do you sell umbrellas? | How long does the battery of the speaker last?
        Is the jam vegan? | Can I put the glass bowl in the microwave? | Is the armchair in stock?
        How many pieces are in the knife set? | What is the difference between the two heaters?
        Which product do you recommend for a small kitchen? | Does the camera come with a charger?
        what size is the poster | I need something for coffee, what do you offer?
        Do you have anything cheaper than 15? | What is this product in the picture?
        Can you tell me more about the notebook? | Does the toy need batteries? | Does the lamp need a bulb?
        What are the dimensions of the tray? | How much water does the kettle hold? | Is this plant poisonous?
        How often do I have to water the fern? | Can the bowl go into the oven? | What is the price of the teapot?
        Which tea has no caffeine? | How do I clean the kettle? | Which plant suits a dark room?
        Is the blanket made of wool? | Do you have shoes for children? | How long does a candle burn?
        Are the cups sold one by one? | Can you recommend a present for my mother? | Is it machine washable?
        How tall is the vase? | What colour is the rug? | Do you have mugs with a lid? | Is the bottle leak-proof?
        Does the jacket have a hood? | What tea would you recommend in the evening? | Which lamp is brighter?
        Is the wood treated? | How many cups are in the set? | What do you have below 30 euros?
        Are there any plates left? | When will the cosy be available again? | What can I put in the lantern?
        How do I care for the plant? | How hot may the pan get? | What is the power of the heater?
        How long do I let the tea brew? | Which lid fits the pan? | Is the lamp dangerous for children?
        How do I look after wooden boards? | Is the coat still available? | What is this and what does it cost?
        Do you have one of these in stock? | What does the rug weigh? | Is it safe for dogs?
        """
    ),
    "policy question": _sentences(
        """
        What is your return policy? | How much is shipping? | Do you deliver abroad? | Which countries do you ship to?
        What payment methods do you accept? | How long is the warranty? | What does the warranty cover?
        When is the shop open? | How do you protect my personal data? | How long do deliveries usually take?
        Do I have to pay for sending things back? | From what amount is shipping free? | Can sale items be returned?
        Do you offer gift wrapping? | Can I pay by invoice? | What are your terms and conditions?
        Do you store my credit card number? | Is there a discount for students?
        Can customers change the delivery address after ordering? | How long does a refund take in general?
        What is your contact address? | How can I close my account? | Are used products excluded from returns?
        Do you repair things that break? | within how many days must a return be sent
        How long can things be returned after delivery? | What does delivery to Switzerland cost?
        Do you ship to America? | Do you take credit cards? | Can I pay in instalments? | Are returns free of charge?
        Who pays for sending something back? | How many years of guarantee do you give?
        Does the guarantee cover cracks? | Are you open on Sundays? | Where is your shop?
        What is your telephone number? | Do you sell my data? | How long do you keep customers' data?
        What counts as a lost parcel? | What happens if a parcel arrives damaged? | Do you wrap gifts?
        How does express delivery work? | Is there a minimum order for free delivery? | Can gift cards be returned?
        How long are vouchers valid? | Do you give discounts to companies? | Which items are excluded from returns?
        How fast do you ship? | Do you deliver to parcel lockers? | When is my card charged? | Do you sell spare parts?
        Is there parking near the shop? | Do you run courses? | Can I collect orders myself?
        What is the rule for exchanges? | When do you refund after receiving a return?
        How long can customers return shoes? | Can opened food be returned? | Are sale items returnable?
        How many days are there to return a plant? | What does a repair cost? | How much is it to have a cup mended?
        Where can I leave my car? | Can I come with my dog? | How do I get to your shop by bus?
        How much does it cost to have something engraved? | What do I have to pay for customs?
        How long is a gift card valid? | What if a parcel never arrives? | Is it possible to split the payment?
        How do I use a voucher? | Who runs your shop? | Do you give lessons? | May I change my order after paying?
        What must I do when something arrives broken? | Which items have no warranty? | Are plants returnable?
        What happens to the pictures I send you?
        """
    ),
    "complaint": _sentences(
        """
        The plate arrived broken. | I received the wrong item. | The radio does not work. | Part of my order is missing.
        I am very unhappy with your service. | This is the third time something has gone wrong.
        The tent has a hole in it. | Your delivery driver was rude.
        The picture shows the damage, the screen is cracked. | My package was delivered open and wet.
        I paid for express and it took two weeks. | You billed me too much. | The colour washed out the first time.
        It fell apart after one day, what rubbish. | Nobody replies to my emails. | I want to complain about my order.
        The quality is terrible. | you forgot to put the second book in | The chair wobbles and a screw is missing.
        The product is defective. | It smells horrible out of the box. | I will never buy here again.
        What I got looks nothing like the photo. | The handle came off. | The mug came broken. | My teapot has a crack.
        You delivered something I never ordered. | One plate is missing from the parcel.
        The lamp flickers and then goes out. | The kettle leaks. | The plant arrived dead.
        I got a blue one, but I ordered a red one. | The box was crushed and everything in it is in pieces.
        The invoice is wrong. | I waited all day and nobody came. | Your service is a disgrace.
        I have written three times without an answer. | The driver left my parcel in the rain.
        The strap tore on the second day. | What you sent me is scratched. | It does not turn on any more.
        This is not what I paid for. | I am fed up with your shop. | There is a dent in the can.
        The glass was shattered when I opened the box. | I am angry about the delay. | The seam came apart.
        The heater makes a burning smell. | Look at this, it is damaged. | This is a scandal, fix it.
        Only one of the two cups was in the box. | The picture shows what is broken. | I got plates instead of cups.
        There is a spoon missing from my set. | My order is late again, I am annoyed. | The tree you sent me is dead.
        The heater came and does not heat. | It came like this today, see the picture.
        The bulb is broken and the shade is bent. | The handle is loose and the lid is cracked.
        I received order 640 and two glasses were smashed.
        You promised two days and it has been twelve, this is a joke. | It is rotten. | What kind of quality is that?
        """
    ),
    "human": _sentences(
        """
        I want to speak to a human. | Can I talk to a person? | Please connect me to an agent.
        Let me talk to your manager. | Give me a real human. | Is there someone I can call?
        Transfer me to a member of staff. | I do not want to talk to a machine. | Can a colleague of yours help me?
        Hand me over to support. | I need to speak to someone in person. | Please have somebody phone me. | human please
        Could an employee contact me? | operator | I would prefer to talk with a person about it.
        Get me a representative. | You are not helping, I want a human. | Can I chat with a live agent?
        Forward me to the service team. | Can I have a human? | Get me someone from your team.
        Could a person take over? | I want to speak with your boss. | Is any colleague available?
        I would like a call from your staff. | Stop, I need a real human being. | Please escalate this to a supervisor.
        Let a person answer me. | Is there anybody there I can talk to? | Talk to an agent
        Please transfer this chat to a colleague. | I'd like to talk to customer care. | Connect me to a live person.
        Can you put someone else on? | I want to be phoned by an employee. | May I speak to the owner?
        no bots please, a person | I need help from an actual person. | Would you pass my case to somebody responsible?
        Can Anna from your team call me? | Put me in touch with your team. | I give up, let me talk to somebody.
        Ask a colleague to get back to me.
        """
    ),
    "small talk": _sentences(
        """
        Hello | Hi there! | Good morning | Thank you! | Thanks for your help. | Goodbye | See you later | How are you?
        Who are you? | What can you do? | Are you a real person or a computer? | Okay | yes please | No, that is all.
        You're great. | Cool, got it | Have a good weekend | Pleased to meet you. | What should I call you?
        Sorry, my mistake. | haha | How is your day going? | Hi | Hello, how are you today? | Good afternoon! | Hey
        Good night | Bye bye | Many thanks! | Thank you very much for the quick answer | That's all, thanks.
        Perfect, thank you. | All right. | I see. | No problem. | Nice. | What are you? | Are you a machine?
        Do you have a name? | You are funny. | I like you. | What are you able to help with? | Sounds good | Never mind
        Have a nice evening! | It's nice talking to you. | Welcome | How's it going? | Sure | No, thanks | lol
        That was helpful.
        """
    ),
    "other": _sentences(
        """
        What is the capital of France? | Write me a story about a dragon. | What is 17 times 23?
        Who is the president of the United States? | Tell me a joke. | What is the weather like today?
        Explain quantum physics to me. | Who wrote Hamlet? | How do I cook pasta? | Which film won the Oscar?
        Write a computer program that counts words. | What is the meaning of life?
        Translate good morning into Spanish. | Should I invest in gold? | What is the score of the game?
        How far away is the moon? | What medicine should I take for a headache? | Summarise the news of today.
        Plan a holiday in Italy for me. | Do my homework. | Who invented the telephone?
        What do you think about politics? | Solve this equation. | Recommend a good book to read.
        Who painted the Mona Lisa? | What is the population of Japan? | Write a limerick.
        Write an essay about climate change. | How do I fix my car? | Will it rain this afternoon?
        What time is it in New York? | Who is the fastest runner in the world? | Compute the square root of 144.
        How many legs does a spider have? | Give me a recipe for pancakes. | Which phone is the best?
        What does love mean? | Who should I vote for? | Give me investment advice. | Which movie should I watch?
        Tell me about the Roman Empire. | How do I lose weight? | What is the plural of mouse?
        Correct the grammar of my letter. | Book me a flight to London. | Turn on the lights. | Play some music.
        What is the latest football result? | How do volcanoes work? | Debug my code.
        What is the exchange rate of the dollar? | Name three rivers in Africa. | When did the second world war end?
        Is there life on Mars? | What is the boiling point of water? | How heavy is an elephant? | What is gold made of?
        Can you write a letter to my landlord? | Which football club is the best? | How big is the sun?
        What does a house in London cost? | Write my job application. | How long does it take to learn the piano?
        Who discovered electricity? | What is the chemical formula of salt? | How do airplanes fly?
        How do I get a passport? | Which language is hardest to learn?
        """
    ),
}
SENTIMENT_EXAMPLES: Mapping[Sentiment, tuple[str, ...]] = {
    "positive": _sentences(
        """
        Thank you so much! | I love the jacket. | That is great news. | You were very helpful.
        Excellent quality, I am delighted. | The radio works wonderfully. | Fast delivery, thanks!
        I am really pleased with my order. | Brilliant, that solved it. | Best shop ever. | What a beautiful carpet!
        Awesome, thanks. | Everything arrived in perfect condition. | My mother was so happy with her present.
        Nice work, I will order again. | It is even better than I expected. | How kind of you. | Amazing service.
        Thanks a million, you saved my day! | Works like a charm. | I am very satisfied. | Super fast, super friendly.
        We adore the little plant. | The tea is delicious. | Great job! | I couldn't be happier.
        Everything was fine, well done. | That's perfect. | Wow, so pretty! | I'm glad I chose your shop.
        It came sooner than promised, great! | My kids love it. | Very good, thank you. | Fantastic, exactly right.
        You are the best. | I will recommend you to my friends.
        """
    ),
    "neutral": _sentences(
        """
        Where is my order? | What is the status of order 2041? | How big is the table?
        I would like to return this item. | What payment methods do you accept? | Hello | My order number is 3310.
        I want to speak to a human. | The name on the order is Miller. | What is the capital of France?
        Do you deliver abroad? | Please change the delivery address. | I bought a tent in June.
        Is the pan suitable for induction? | Can I get my money back for order 2041?
        Which courier is bringing my order? | Okay | I need an invoice for the radio.
        Can I still return the pan I bought three weeks ago? | The parcel has not arrived yet, when will it come?
        How much is the jacket? | I ordered one pan and one bowl. | Has my parcel left? | How many cups are in the set?
        Please cancel my order. | I placed an order on Tuesday. | Do you take credit cards? | Are you open on Sundays?
        It was bought in May. | I have two plates and a bowl. | Could a person take over?
        I would like a copy of my receipt. | Send it to my office, please. | The street is Long Road 5.
        I want to exchange the mug for a larger one. | What is the price of the teapot? | Yes | No, thanks
        Can I collect the order myself? | I want to give the teapot back. | What happens if a parcel arrives damaged?
        Does the guarantee cover cracks? | I ordered it three weeks ago. | Where is your shop?
        How long is the return period?
        """
    ),
    "negative": _sentences(
        """
        The plate arrived broken. | I am very unhappy with your service. | This is ridiculous! | I am furious.
        The radio does not work. | Nobody replies to my emails. | It fell apart after one day, what rubbish.
        I have been waiting for three weeks and nobody cares. | The quality is terrible.
        You sent me the wrong item again! | I want to complain. | I will never buy here again. | You overcharged me.
        That is no help at all. | How can you be so slow? | I feel cheated. | My parcel was wet and torn.
        The tent has a hole in it. | Horrible experience. | I am disappointed. | I'm annoyed. | The mug came broken.
        This is the worst service ever. | Useless! | I am sick of waiting. | The kettle stopped working already.
        A complete waste of time and money. | That makes me really angry. | Your shop is a joke.
        Why does nobody answer me? | I hate this. | The plant arrived dead. | So disappointing.
        You never keep your promises. | It broke on the first day. | One plate is missing from the parcel.
        It is a shame how you treat customers. | The seam came apart at once. | Bad quality, I regret buying it.
        """
    ),
}
